import type { IncomingMessage, ServerResponse } from "node:http";
import type { EngineApi } from "../../src/engine/types.ts";
import { logForm } from "./forms.ts";

const HEARTBEAT_MS = 15_000;
const PAGE = 500;

/**
 * A run's log as server-sent events, from its beginning or after `Last-Event-ID`. Each event's id is the
 * line's number. When the run has ended and every line is out, an event `end` is sent and the stream closes.
 */
export async function streamLog(
  engine: EngineApi,
  runId: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // Proxies must not hold the lines back.
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  const news = new Bell();
  const stop = engine.onChange((change) => {
    if ((change.type === "log" || change.type === "run") && change.runId === runId) news.ring();
  });
  const heartbeat = setInterval(() => response.write(": still here\n\n"), HEARTBEAT_MS);
  response.on("close", () => news.ring());
  try {
    await pump(engine, runId, lastEventId(request), response, news);
  } finally {
    clearInterval(heartbeat);
    stop();
    response.end();
  }
}

async function pump(
  engine: EngineApi,
  runId: number,
  from: number,
  response: ServerResponse,
  news: Bell,
): Promise<void> {
  let after = from;
  while (!response.closed && !response.destroyed) {
    const heard = news.next();
    // Asked before the lines are read, so that a line written before the end is never missed.
    const run = await engine.run(runId);
    const lines = await engine.log(runId, { afterSeq: after, limit: PAGE });
    for (const line of lines) {
      after = line.seq;
      const flowing = response.write(`id: ${line.seq}\ndata: ${JSON.stringify(logForm(line))}\n\n`);
      if (!flowing) await drained(response);
    }
    if (lines.length === PAGE) continue;
    if (run === null || run.endedAt !== null) {
      response.write(`event: end\ndata: ${JSON.stringify({ state: run?.state ?? null })}\n\n`);
      return;
    }
    await heard;
  }
}

function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
  });
}

function lastEventId(request: IncomingMessage): number {
  const written = request.headers["last-event-id"];
  return typeof written === "string" && /^\d{1,15}$/.test(written) ? Number(written) : 0;
}

/** Wakes whoever asked for the next ring. */
class Bell {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
