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
import { failed } from "./answers.ts";
import { Changes } from "./changes.ts";
import { Conversations } from "./conversations.ts";
import { Delivery } from "./delivery/delivery.ts";
import { Sockets } from "./delivery/sockets.ts";
import { startEmulatedSlack } from "./emulator.ts";
import { serveFile } from "./files.ts";
import { Actions } from "./interact/action.ts";
import { RateLimits } from "./limits.ts";
import { readManifest } from "./manifest.ts";
import { ResponseUrls } from "./responses.ts";
import { type PeopleParts, peopleRoutes } from "./routes.ts";
import { Transcript } from "./transcript.ts";
import { Views } from "./views/store.ts";
import { Triggers } from "./views/triggers.ts";
import { answerWebApi, parseRequest, rateLimited, type WebApiParts } from "./webapi.ts";

export interface SlackFrontOptions {
  readonly port?: number;
  readonly botToken: string;
  /** Turns Socket Mode on: nothing goes by HTTP. Without it apps.connections.open is refused. */
  readonly appToken?: string | undefined;
  readonly signingSecret: string;
  /** Where commands, clicks and events are posted: the bot's base address. */
  readonly botUrl: string;
  /** The app's manifest; its scopes, commands and events are all that the bot gets. */
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
  const [changes, sockets, views] = [new Changes(), new Sockets(), new Views()];
  const [triggers, conversations] = [new Triggers(clock), new Conversations(slack)];
  let url = "";
  const publicUrl = () => url;
  const responses = new ResponseUrls({ slack, transcript, calls, clock, publicUrl });
  const limits = new RateLimits(clock);
  const { botToken, appToken, signingSecret, botUrl } = options;
  const delivery = new Delivery({
    botUrl,
    signingSecret,
    socketMode: appToken !== undefined,
    sockets,
    clock,
  });
  const workspace = { slack, transcript, conversations, views, triggers, sockets, clock, publicUrl };
  const webApi: WebApiParts = { ...workspace, botToken, appToken, scopes: manifest.scopes, limits };
  const interactions = { ...workspace, delivery, responses };
  const people: PeopleParts = {
    ...interactions,
    changes,
    manifest,
    botHost: new URL(botUrl).host,
    actions: new Actions(interactions),
  };

  const server = await listen((request, response) => {
    route(request, response).catch((error: unknown) =>
      sendJson(response, 500, { ok: false, error: "internal_error", message: messageOf(error) }),
    );
  }, options.port ?? 0);
  url = server.url;
  server.server.on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
  return {
    url,
    async close() {
      changes.end();
      sockets.close();
      await server.close();
      await slack.close();
    },
  };

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? "/", "http://slack.invalid");
    asked.pathname = tidyPath(asked.pathname);
    const path = asked.pathname;
    if (path.startsWith("/api/")) return api(request, response, asked);
    if (/^\/(commands|actions)\//.test(path)) {
      const answer = await responses.answer(path, (await readBody(request)).toString("utf8"));
      changes.note();
      return sendAnswer(response, answer);
    }
    if (path.startsWith("/files-pri/")) {
      const file = { botToken, scopes: manifest.scopes, slack };
      return sendAnswer(response, await serveFile(request, path + asked.search, file));
    }
    if (await control(request, response, path, { faults, calls })) return;
    if (await peopleRoutes(request, response, asked, people)) return;
    const body = await readBody(request);
    const to = path + asked.search;
    sendAnswer(response, await forward(slack.url, to, request.method ?? "GET", request.headers, body));
  }

  async function api(request: IncomingMessage, response: ServerResponse, asked: URL): Promise<void> {
    const call = parseRequest(request, asked, await readBody(request));
    const fault = faults.take(call.method);
    const answer = await withFault(fault, WORDS, () => answerWebApi(call, webApi));
    const error = answer && errorWord(answer);
    calls.add({
      action: call.method,
      // Form fields and JSON values: what came over the wire is JSON by nature.
      parameters: call.parameters as JsonObject,
      status: answer?.status ?? null,
      ...(error ? { error } : {}),
    });
    const posted = call.method === "chat.postMessage" && answer ? postedTs(answer) : undefined;
    if (posted !== undefined) transcript.arrived(posted, clock.now());
    if (/^(chat|files|views)\./.test(call.method)) changes.note();
    if (answer) sendAnswer(response, answer);
  }
}

/**
 * SLACK_API_URL ends in `/api/`, so that `API + "/_sandbox/calls"` is a path that people will write: taken as meant.
 */
function tidyPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/").replace(/^\/api(?=\/_sandbox\/)/, "");
}

const postedSchema = z.object({ ok: z.literal(true), ts: z.string() });

function postedTs(answer: Answer): string | undefined {
  return postedSchema.safeParse(parseJson(answer.body)).data?.ts;
}

const wordSchema = z.object({ ok: z.literal(false), error: z.string() });

function errorWord(answer: Answer): string | undefined {
  const parsed = wordSchema.safeParse(parseJson(answer.body));
  return parsed.success ? parsed.data.error : undefined;
}
