import type { ServerResponse } from "node:http";
import { sleep } from "../../src/util/clock.ts";
import type { SandboxJson } from "../supervisor/description.ts";
import type { Switches } from "./switches.ts";

/** Everything that happens within so long is told at once. */
const GATHER_MS = 150;
const CLOUD_EVERY_MS = 700;
const LONG_POLL_MS = 15_000;
const AFTER_FAULT_MS = 500;

export interface LiveParts {
  readonly json: SandboxJson;
  readonly switches: Switches;
}

/**
 * One reader's stream of server-sent events: `channel`, `direct`, `home` and `views` as the person sees them, and
 * `cloud`. Each carries the whole of its part, and is sent only when that has changed.
 */
export function follow(response: ServerResponse, user: string, parts: LiveParts): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("retry: 1000\n\n");
  const stop = new AbortController();
  response.on("close", () => stop.abort());
  const told = new Map<string, string>();
  const tell = (event: string, data: unknown) => {
    const text = JSON.stringify(data);
    if (told.get(event) === text || stop.signal.aborted) return;
    told.set(event, text);
    response.write(`event: ${event}\ndata: ${text}\n\n`);
  };
  void followSlack(user, parts, tell, stop.signal);
  void followCloud(parts, tell, stop.signal);
}

type Tell = (event: string, data: unknown) => void;

async function followSlack(user: string, { json }: LiveParts, tell: Tell, end: AbortSignal): Promise<void> {
  const read = async (path: string) => readJson(new URL(`/_sandbox/${path}`, json.slack.api), end);
  const id = json.slack.users[user] ?? user;
  const visible = (answer: unknown) =>
    (answer as { messages: { onlyFor: string | null }[] }).messages.filter(
      ({ onlyFor }) => onlyFor === null || onlyFor === id,
    );
  let version = 0;
  while (!end.aborted) {
    try {
      const changes = await read(`changes?since=${version}&wait=${LONG_POLL_MS}`);
      version = (changes as { version: number }).version;
      const who = encodeURIComponent(id);
      const [channel, direct, home, views] = await Promise.all([
        read("messages"),
        read(`messages?channel=${who}`),
        read(`home?user=${who}`),
        read(`views?user=${who}`),
      ]);
      tell("channel", visible(channel));
      tell("direct", visible(direct));
      tell("home", (home as { view: unknown }).view);
      tell("views", (views as { views: unknown }).views);
      await sleep(GATHER_MS, end);
    } catch {
      await sleep(AFTER_FAULT_MS, end);
    }
  }
}

async function followCloud({ json, switches }: LiveParts, tell: Tell, end: AbortSignal): Promise<void> {
  const authorization = `Bearer ${json.dashboardToken}`;
  const orNull = (url: URL, headers?: Record<string, string>) =>
    readJson(url, end, headers).catch(() => null);
  while (!end.aborted) {
    const [state, slots] = await Promise.all([
      orNull(new URL("/_sandbox/state", json.aws.endpoint)),
      orNull(new URL("/api/slots", json.bot), { authorization }),
    ]);
    tell("cloud", { state, slots, bot: { isUp: slots !== null }, switches: switches.list() });
    await sleep(CLOUD_EVERY_MS, end);
  }
}

async function readJson(url: URL, end: AbortSignal, headers: Record<string, string> = {}): Promise<unknown> {
  const signal = AbortSignal.any([end, AbortSignal.timeout(LONG_POLL_MS + 5_000)]);
  const answer = await fetch(url, { headers, signal });
  if (!answer.ok) throw new Error(`${url.pathname} answered ${answer.status}`);
  return answer.json();
}
