import { Agent, request } from "node:http";
import { sleep } from "../../../src/util/clock.ts";

export interface Answer {
  /** When it was asked, ms since 1970. */
  readonly at: number;
  /** HTTP status; 0 when the connection broke. */
  readonly status: number;
  /** What the application calls itself; empty when it was not the application that answered. */
  readonly version: string;
}

/** Asks an address steadily, a new request every so often whether the last one is answered or not. */
export class Stream {
  readonly answers: Answer[] = [];
  readonly #agent = new Agent({ keepAlive: false });
  readonly #open = new Set<Promise<void>>();
  #going = true;
  readonly #loop: Promise<void>;

  constructor(url: string, everyMs: number) {
    this.#loop = this.#run(url, everyMs);
  }

  async #run(url: string, everyMs: number): Promise<void> {
    while (this.#going) {
      const asked: Promise<void> = this.#ask(url).finally(() => this.#open.delete(asked));
      this.#open.add(asked);
      await sleep(everyMs);
    }
    await Promise.all(this.#open);
  }

  /** The answers, in the order in which they were asked for. */
  async stop(): Promise<readonly Answer[]> {
    this.#going = false;
    await this.#loop;
    return this.answers.toSorted((a, b) => a.at - b.at);
  }

  #ask(url: string): Promise<void> {
    const at = Date.now();
    return new Promise((resolve) => {
      const done = (status: number, version: string) => {
        this.answers.push({ at, status, version });
        resolve();
      };
      const asked = request(url, { agent: this.#agent, timeout: 10_000 }, (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          body += chunk;
        });
        answer.on("end", () => done(answer.statusCode ?? 0, versionIn(body)));
        answer.on("error", () => done(0, ""));
      });
      asked.on("timeout", () => asked.destroy(new Error("no answer")));
      asked.on("error", () => done(0, ""));
      asked.end();
    });
  }
}

function versionIn(body: string): string {
  return /"version":"([^"]*)"/.exec(body)?.[1] ?? "";
}

export interface Judgement {
  readonly asked: number;
  /** Not answered with 2xx. */
  readonly failed: number;
  /** From the first failed request to the next good one, the longest such time, in ms. */
  readonly gapMs: number;
  readonly old: number;
  readonly new: number;
  /** Good answers of the old one asked for after the first good answer of the new one. */
  readonly oldAfterNew: number;
}

/** What a person behind the load balancer would have seen. Pure. */
export function judge(answers: readonly Answer[], older: string, newer: string): Judgement {
  const good = answers.filter(({ status }) => status >= 200 && status < 300);
  const firstNew = good.find(({ version }) => version === newer)?.at ?? Number.POSITIVE_INFINITY;
  let gapMs = 0;
  let began: number | null = null;
  for (const { at, status } of answers) {
    if (status >= 200 && status < 300) {
      if (began !== null) gapMs = Math.max(gapMs, at - began);
      began = null;
    } else began ??= at;
  }
  return {
    asked: answers.length,
    failed: answers.length - good.length,
    gapMs,
    old: good.filter(({ version }) => version === older).length,
    new: good.filter(({ version }) => version === newer).length,
    oldAfterNew: good.filter(({ at, version }) => version === older && at > firstNew).length,
  };
}
