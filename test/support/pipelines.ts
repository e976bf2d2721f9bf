import type { ObligationKind } from "../../src/engine/obligation.ts";
import { type Pipeline, pipeline } from "../../src/engine/pipeline.ts";
import type { JsonObject } from "../../src/util/json.ts";

/** Small pipelines with the real ones' names, for tests of what lies in front of the engine. */
export class SmallPipelines {
  /** While set, a run waits in its first step until it is let go or cancelled. */
  hold = false;
  /** Whether a run says far too much, and then forty lines more. */
  flood = false;
  /** What the next runs' tests count. */
  tests = { passed: 3, failed: 0, flaky: 0, skipped: 0, notRun: 0 };
  /** What the next runs publish for surfaces. */
  facts: JsonObject = {};
  readonly seen: { kind: string; input: JsonObject }[] = [];
  #waiting: (() => void)[] = [];

  letGo(): void {
    this.hold = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  /** Refuses to clean up while set: the slot stays dirty. */
  stuck = false;

  get kinds(): readonly ObligationKind[] {
    return [
      {
        kind: "instance",
        version: 1,
        title: "Terminate instance",
        discharge: async () => {
          if (this.stuck) throw new Error("AWS does not answer");
        },
      },
    ];
  }

  get all(): readonly Pipeline[] {
    const leaves = (kind: string) => (input: JsonObject) =>
      kind !== "launch" ? undefined : input.keep ? "held" : "free";
    return ["launch", "update", "swap", "test", "terminate"].map((kind) =>
      pipeline(kind, { version: 1, leaves: leaves(kind) }, async (run, input: JsonObject) => {
        this.seen.push({ kind, input });
        await run.step("Work", async (step) => {
          step.log(`${kind} says hello`);
          step.log("and <!channel> & goodbye");
          if (this.flood) {
            step.leaveOut(4_000_000_000);
            for (let line = 1; line <= 40; line++) step.log(`line ${line}`);
          }
          if (this.hold) await this.#wait(step.signal);
        });
        if (kind === "launch") {
          const instance = await run.owe("instance", { facts: { id: "i-0123456789abcdef0" } });
          await instance.created();
          await run.describe({ instanceId: "i-0123456789abcdef0", sha: run.sha, ami: "ami-12345678" });
          await run.publish(this.facts);
          await run.setTests(this.tests);
          if (input.keep) {
            const until =
              (await run.now("kept")) + (typeof input.keepMs === "number" ? input.keepMs : 3_600_000);
            // A little more than an hour: the time to live goes on from the run's end, a moment later.
            await run.keep({ kinds: ["instance"], until, maxUntil: until + 3_660_000, reason: null });
            await run.publish({ keptUntil: until });
          }
        }
        if (kind === "terminate") await run.expire();
      }),
    );
  }

  async #wait(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}
