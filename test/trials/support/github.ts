import { z } from "zod";
import { controlUrl } from "../../../sandbox/client.ts";
import type { Stand } from "./stand.ts";

/** What people do on GitHub while the bot is at work. */
export class Repository {
  readonly #stand: Stand;
  #files = 0;

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  get name(): string {
    return this.#stand.yard.json.github.repository;
  }

  get pullRequest(): number {
    return this.#stand.yard.json.github.pullRequest;
  }

  /** `PATCH` of the one pull request. */
  async setPullRequest(state: "open" | "closed"): Promise<void> {
    await this.#call("PATCH", `pulls/${this.pullRequest}`, { state });
  }

  /** The commit at which the pull request is. */
  async pullRequestHead(): Promise<{ readonly sha: string; readonly ref: string }> {
    const answer = await this.#call("GET", `pulls/${this.pullRequest}`);
    return z.object({ head: z.object({ sha: z.string(), ref: z.string() }) }).parse(answer).head;
  }

  /** Another commit on a branch; its digits. */
  async push(branch: string): Promise<string> {
    this.#files += 1;
    const answer = await this.#call("PUT", `contents/pushed-${this.#files}.txt`, {
      message: `Push ${this.#files}`,
      content: Buffer.from(`${this.#files}\n`).toString("base64"),
      branch,
    });
    return z.object({ commit: z.object({ sha: z.string() }) }).parse(answer).commit.sha;
  }

  /** Lets GitHub go wrong; without any it is well again. */
  async faults(...list: readonly object[]): Promise<void> {
    const url = controlUrl(this.#stand.yard.json, "github", "faults");
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(list) });
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const url = `${this.#stand.yard.json.github.api}/repos/${this.name}/${path}`;
    const answer = await fetch(url, {
      method,
      headers: { authorization: "Bearer ghp-admin", "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${await answer.text()}`);
    return await answer.json();
  }
}
