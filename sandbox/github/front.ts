import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../../src/util/errors.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { CallLog } from "../front/calls.ts";
import { control, parseJson } from "../front/control.ts";
import { FaultBook } from "../front/faults.ts";
import { type FaultWords, jsonAnswer, withFault } from "../front/faulty.ts";
import { type Answer, forward, sendAnswer } from "../front/forward.ts";
import { listen, readBody, sendJson } from "../front/http.ts";
import { commitRoute } from "./commit-routes.ts";
import { type EmulatedGitHub, type GitHubSettings, startEmulatedGitHub } from "./emulator.ts";
import { GITHUB_PEOPLE } from "./people.ts";
import { withCurrentHead } from "./pull-heads.ts";

export interface GitHubFront {
  readonly url: string;
  readonly pullRequest: number;
  close(): Promise<void>;
}

const WORDS: FaultWords = {
  error: (code) => jsonAnswer(500, { message: code ?? "Server Error" }),
  throttle: (seconds) =>
    jsonAnswer(
      403,
      {
        message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      },
      { "retry-after": String(seconds) },
    ),
  notFound: () => jsonAnswer(404, { message: "Not Found", status: "404" }),
};

const PERMISSION = /^\/repos\/[^/]+\/[^/]+\/collaborators\/([^/]+)\/permission$/;

/** GitHub as the bot sees it: `emulate` behind a front that records, lets faults strike and knows who may what. */
export async function startGitHubFront(
  options: GitHubSettings & { readonly port?: number },
): Promise<GitHubFront> {
  const github = await startEmulatedGitHub(options);
  const [calls, faults] = [new CallLog(), new FaultBook()];
  const server = await listen((request, response) => {
    route(request, response).catch((error: unknown) =>
      sendJson(response, 500, { message: messageOf(error) }),
    );
  }, options.port ?? 0);
  return {
    url: server.url,
    pullRequest: github.pullRequest,
    async close() {
      await server.close();
      await github.close();
    },
  };

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? "/", "http://github.invalid");
    if (await control(request, response, asked.pathname, { faults, calls })) return;
    const method = request.method ?? "GET";
    const action = `${method} ${asked.pathname}`;
    const body = await readBody(request);
    const ask = (path: string) =>
      passOn(
        github,
        server.url,
        new URL(path, asked),
        { method: "GET", headers: request.headers },
        Buffer.of(),
      );
    const effect = async () =>
      permission(asked.pathname) ??
      (await commitRoute(method, asked.pathname, ask)) ??
      (await withCurrentHead(
        method,
        asked.pathname,
        await passOn(github, server.url, asked, request, body),
        ask,
      ));
    const answer = await withFault(faults.take(action), WORDS, effect);
    calls.add({ action, parameters: parametersOf(asked, body), status: answer?.status ?? null });
    if (answer) sendAnswer(response, answer);
  }
}

/** `emulate` calls every member an admin; here each person has what people.ts says. */
function permission(path: string): Answer | undefined {
  const login = PERMISSION.exec(path)?.[1];
  if (login === undefined) return undefined;
  const word = GITHUB_PEOPLE.find((person) => person.login === login)?.permission;
  if (word === undefined) return jsonAnswer(404, { message: `${login} is not a user`, status: "404" });
  return jsonAnswer(200, { permission: word, role_name: word, user: { login, type: "User" } });
}

async function passOn(
  github: EmulatedGitHub,
  publicUrl: string,
  asked: URL,
  request: Pick<IncomingMessage, "method" | "headers">,
  body: Buffer,
): Promise<Answer> {
  const to = asked.pathname + asked.search;
  const answer = await forward(github.url, to, request.method ?? "GET", request.headers, body);
  if (!answer.headers["content-type"]?.includes("json")) return answer;
  const text = answer.body.toString("utf8").replaceAll(github.advertisedUrl, publicUrl);
  return { ...answer, body: Buffer.from(text) };
}

function parametersOf(asked: URL, body: Buffer): JsonObject {
  const sent = parseJson(body);
  return {
    ...Object.fromEntries(asked.searchParams),
    ...(sent !== null && typeof sent === "object" ? (sent as JsonObject) : {}),
  };
}
