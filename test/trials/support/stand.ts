import { z } from "zod";
import { controlUrl, slash } from "../../../sandbox/client.ts";
import type { BotOptions } from "../../crash/support/bot.ts";
import { type AwsCall, awsCalls, resetCloud } from "../../crash/support/cloud.ts";
import type { RunRow } from "../../crash/support/journal.ts";
import { Trial } from "../../crash/support/trial.ts";
import { changed, type Patch } from "../../crash/support/versions.ts";
import { openYard, type Yard, type YardOptions } from "../../crash/support/yard.ts";

/** What the bot says of a run's end. */
export const outcomeSchema = z.object({
  state: z.string(),
  fault: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

/** A cloud, a Slack and a running bot, for trials that go from the slash command to the empty cloud. */
export class Stand {
  readonly yard: Yard;
  #trial: Trial;
  #bots = 1;

  private constructor(yard: Yard) {
    this.yard = yard;
    this.#trial = new Trial(yard, "bot-1");
  }

  static async open(options: YardOptions = {}): Promise<Stand> {
    const yard = await openYard(options);
    const stand = new Stand(yard);
    try {
      await stand.#start();
    } catch (error) {
      await stand.close();
      throw error;
    }
    return stand;
  }

  get trial(): Trial {
    return this.#trial;
  }

  /**
   * Another bot with an empty database on an empty cloud: what went wrong before does not spoil what follows.
   * `patches` make another version of it (see test/crash/patch-source.ts), for controls; `env` is its environment's.
   */
  async renew(patches: readonly Patch[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#trial.end();
    await resetCloud(this.yard);
    this.#trial = new Trial(this.yard, `bot-${++this.#bots}`);
    const patched = patches.length > 0 ? changed(...patches) : { preload: [], env: {} };
    await this.#start({ preload: patched.preload, env: { ...env, ...patched.env } });
  }

  async close(): Promise<void> {
    await this.#trial.end().catch(() => {});
    await this.yard.close();
  }

  /** Types a command in Slack, as the developer unless said. */
  async say(text: string, user = "developer"): Promise<string> {
    return JSON.stringify(await slash(this.yard.json, user, text));
  }

  /** Types a command that begins a run, and waits for the run to be in the journal. */
  async begin(text: string, user = "developer"): Promise<RunRow> {
    const known = this.trial.journal.runs().at(-1)?.id ?? 0;
    const answer = await this.say(text, user);
    let run: RunRow | undefined;
    await this.trial.until(`begun by “${text}” (${answer})`, () => {
      run = this.trial.journal.runs().find(({ id }) => id > known);
      return run !== undefined;
    });
    if (!run) throw new Error("unreachable");
    return run;
  }

  /** The run as it ended. */
  async ended(id: number, withinMs = 90_000): Promise<RunRow & { readonly outcome: Outcome }> {
    let run: RunRow | undefined;
    await this.trial.until(
      `run ${id} ended`,
      () => {
        run = this.trial.journal.run(id);
        return run?.ended_at != null;
      },
      withinMs,
    );
    if (!run) throw new Error("unreachable");
    return { ...run, outcome: outcomeSchema.parse(JSON.parse(run.outcome_json ?? "null")) };
  }

  /** Waits until a step whose path fits is in this state. */
  async untilStep(runId: number, path: RegExp, state = "running", withinMs = 30_000): Promise<void> {
    await this.trial.until(
      `${path} of run ${runId} ${state}`,
      () => this.trial.journal.steps(runId).some((step) => path.test(step.path) && step.state === state),
      withinMs,
    );
  }

  /** Calls to AWS since a time, of one action when it is named. */
  async calls(since: number, action?: string): Promise<AwsCall[]> {
    const all = await awsCalls(this.yard, since);
    return action === undefined ? all : all.filter((call) => call.action === action);
  }

  /** `POST _sandbox/…` of the cloud. */
  async control(path: string, body: object): Promise<unknown> {
    return await post(controlUrl(this.yard.json, "aws", path), body);
  }

  async #start(preparation: Pick<BotOptions, "preload" | "env"> = {}): Promise<void> {
    await this.#trial.start(preparation);
    // The look for orphans at a bot's start must not take the faults that are meant for its runs.
    await this.#trial.until("done with its look for orphans", async () => {
      const seen = (await awsCalls(this.yard, 0)).filter(({ status }) => status > 0);
      const actions = new Set(seen.map(({ action }) => action));
      return actions.has("ec2:DescribeInstances") && actions.has("ec2:DescribeSecurityGroupRules");
    });
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}
