import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { type Clock, systemClock } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { CallLog } from "../front/calls.ts";
import { control, parseJson } from "../front/control.ts";
import { FaultBook } from "../front/faults.ts";
import { type FaultWords, withFault } from "../front/faulty.ts";
import { type Answer, forward, sendAnswer } from "../front/forward.ts";
import { listen, readBody, sendJson } from "../front/http.ts";
import { commandSchema, sendCommand } from "./command.ts";
import { startEmulatedSlack } from "./emulator.ts";
import { RateLimits } from "./limits.ts";
import { readManifest } from "./manifest.ts";
import { CHANNEL } from "./people.ts";
import { ResponseUrls } from "./responses.ts";
import { failed } from "./served.ts";
import { Transcript } from "./transcript.ts";
import { answerWebApi, parseRequest, rateLimited, type WebApiParts } from "./webapi.ts";

export interface SlackFrontOptions {
  readonly port?: number;
  readonly botToken: string;
  readonly signingSecret: string;
  /** Where slash commands are posted: the bot's base address. */
  readonly botUrl: string;
  /** The app's manifest; its scopes and commands are all that the bot gets. */
  readonly manifest: string;
  readonly clock?: Clock;
}

export interface SlackFront {
  /** The base address; the Web API is below `/api/`. */
  readonly url: string;
  close(): Promise<void>;
}

const WORDS: FaultWords = {
  // A number is an HTTP status, as Slack answers when it is in trouble; a word is one of its own.
  error: (code) =>
    /^5\d\d$/.test(code ?? "")
      ? { ...failed("internal_error"), status: Number(code) }
      : failed(code ?? "internal_error"),
  throttle: rateLimited,
  notFound: (code) => failed(code ?? "channel_not_found"),
};

/** Starts Slack as the bot sees it: limits, scopes and checks in front of `emulate`. */
export async function startSlackFront(options: SlackFrontOptions): Promise<SlackFront> {
  const clock = options.clock ?? systemClock;
  const manifest = readManifest(options.manifest);
  const slack = await startEmulatedSlack(options.botToken);
  const [calls, faults, transcript] = [new CallLog(), new FaultBook(), new Transcript(slack)];
  let url = "";
  const publicUrl = () => url;
  const responses = new ResponseUrls({ slack, transcript, calls, clock, publicUrl });
  const limits = new RateLimits(clock);
  const { botToken, signingSecret, botUrl } = options;
  const webApi = { botToken, scopes: manifest.scopes, limits, slack, transcript, clock, publicUrl };
  const commands = { botUrl, signingSecret, slack, transcript, responses, clock };

  const server = await listen((request, response) => {
    route(request, response).catch((error: unknown) =>
      sendJson(response, 500, { ok: false, error: "internal_error", message: messageOf(error) }),
    );
  }, options.port ?? 0);
  url = server.url;
  return {
    url,
    async close() {
      await server.close();
      await slack.close();
    },
  };

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? "/", "http://slack.invalid");
    asked.pathname = tidyPath(asked.pathname);
    const path = asked.pathname;
    if (path.startsWith("/api/")) return api(request, response, asked);
    if (path.startsWith("/commands/")) {
      return sendAnswer(response, await responses.answer(path, (await readBody(request)).toString("utf8")));
    }
    if (await control(request, response, path, { faults, calls })) return;
    if (path === "/_sandbox/command" && request.method === "POST") return command(request, response);
    if (path === "/_sandbox/messages") {
      const channel = asked.searchParams.get("channel") ?? CHANNEL.id;
      return sendJson(response, 200, { channel, messages: await transcript.read(channel) });
    }
    const body = await readBody(request);
    const to = path + asked.search;
    sendAnswer(response, await forward(slack.url, to, request.method ?? "GET", request.headers, body));
  }

  async function api(request: IncomingMessage, response: ServerResponse, asked: URL): Promise<void> {
    const call = parseRequest(request, asked, await readBody(request));
    const parts: WebApiParts = webApi;
    const fault = faults.take(call.method);
    const answer = await withFault(fault, WORDS, () => answerWebApi(call, parts));
    const error = answer && errorWord(answer);
    calls.add({
      action: call.method,
      // Form fields and JSON values: what came over the wire is JSON by nature.
      parameters: call.parameters as JsonObject,
      status: answer?.status ?? null,
      ...(error ? { error } : {}),
    });
    if (answer) sendAnswer(response, answer);
  }

  async function command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const input = commandSchema.safeParse(parseJson(await readBody(request)));
    if (!input.success) {
      return sendJson(response, 400, { error: "invalid_command", message: z.prettifyError(input.error) });
    }
    if (!manifest.commands.includes(input.data.command) || !manifest.scopes.has("commands")) {
      return sendJson(response, 400, {
        error: "unknown_command",
        message: `${input.data.command} is not a valid command: slack.yml has ${manifest.commands.join(", ")}`,
      });
    }
    sendJson(response, 200, await sendCommand(input.data, commands));
  }
}

/**
 * SLACK_API_URL ends in `/api/`, so that `API + "/_sandbox/calls"` is a path that people will write: taken as meant.
 */
function tidyPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/").replace(/^\/api(?=\/_sandbox\/)/, "");
}

const wordSchema = z.object({ ok: z.literal(false), error: z.string() });

function errorWord(answer: Answer): string | undefined {
  const parsed = wordSchema.safeParse(parseJson(answer.body));
  return parsed.success ? parsed.data.error : undefined;
}
