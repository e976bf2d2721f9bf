import { afterEach, describe, expect, it } from "vitest";
import type { Pipeline } from "../../src/engine/pipeline.ts";
import type { Run } from "../../src/engine/run.ts";
import type { PinnedCommits } from "../../src/pipelines/index.ts";
import { confirmCommit } from "../../src/pipelines/steps/commit.ts";
import { TestEngine } from "../support/engine.ts";
import { named, Things, until, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

type Body = (run: Run) => Promise<void>;

/** Plays a run up to its step “Wait” under one pipeline, then goes on under another. */
async function replay(before: Body, after: Body, options: Parameters<typeof named>[1] = {}) {
  const things = new Things();
  let waiting = false;
  const first: Pipeline = named(async (run) => {
    await things.make(run, "instance", "i-1");
    await before(run);
    await run.step("Wait", ({ signal }) => {
      waiting = true;
      return untilStopped(signal);
    });
  });
  const one = await TestEngine.open({ pipelines: [first], kinds: [things.kind("instance")] });
  const { id } = await one.submit("play", "stg1");
  await until(() => waiting);
  await one.close();
  const second = named(async (run) => {
    await things.make(run, "instance", "i-1");
    await after(run);
  }, options);
  opened = await TestEngine.open({ pipelines: [second], kinds: [things.kind("instance")], file: one.file });
  const ended = await opened.ended(id);
  const [lease] = await opened.engine.leases(["stg1"]);
  return {
    state: ended.state,
    code: ended.outcome?.fault?.code ?? null,
    left: things.exist.size,
    lease: lease?.mode,
  };
}

const noop = async () => {};
const stopped = { state: "failed", code: "pipeline_changed", left: 0, lease: "free" };

describe("a replay under changed code", () => {
  it("goes on when nothing has changed", async () => {
    const same = async (run: Run) => void (await run.step("A", noop));
    const after: Body = async (run) => {
      await same(run);
      await run.step("Wait", noop);
    };
    expect(await replay(same, after)).toEqual({ state: "succeeded", code: null, left: 0, lease: "free" });
  });

  it("stops, cleans up and says so: step renamed, reordered, added before, taken out, made a branch", async () => {
    const a = async (run: Run) => {
      await run.step("A", noop);
      await run.step("B", noop);
    };
    const changed: Record<string, Body> = {
      renamed: async (run) => {
        await run.step("A2", noop);
      },
      reordered: async (run) => {
        await run.step("B", noop);
        await run.step("A", noop);
      },
      added: async (run) => {
        await run.step("New", noop);
        await a(run);
        await run.step("Wait", noop);
      },
      "taken out": async (run) => {
        await run.step("A", noop);
        await run.step("Wait", noop);
      },
      "last taken out": a,
      "moved into a branch": async (run) => {
        await run.together({ one: (run) => run.step("A", noop) });
        await run.step("B", noop);
        await run.step("Wait", noop);
      },
    };
    for (const [what, after] of Object.entries(changed)) {
      expect({ what, ...(await replay(a, after)) }).toEqual({ what, ...stopped });
      await opened?.remove();
      opened = undefined;
    }
  });

  it("asks nothing about the commit of a run that an older version has led past that place", async () => {
    const gone = { code: "pull_request_closed", message: "Closed.", remedy: undefined };
    const commits: PinnedCommits = {
      wasLookedUp: () => true,
      readAgain: async () => ({ ...gone, passing: false, retryAt: null }),
    };
    const standing = async (run: Run) => void (await run.value("what stands there", () => 0));
    const after: Body = async (run) => {
      await confirmCommit(run, { commits }, {}, "what stands there");
      await standing(run);
      await run.step("Wait", noop);
    };
    expect(await replay(standing, after)).toMatchObject({ state: "succeeded", code: null });
    await opened?.remove();
    // The control: one that has not come there is stopped.
    const nothing: Body = async () => {};
    const first: Body = async (run) => {
      await run.step("Wait", noop);
      await confirmCommit(run, { commits }, {}, "what stands there");
    };
    expect(await replay(nothing, first)).toMatchObject({ state: "failed", code: gone.code, left: 0 });
  });

  it("asks about it once, and goes on from there after a restart", async () => {
    let asked = 0;
    const commits: PinnedCommits = {
      wasLookedUp: () => true,
      readAgain: async () => {
        asked++;
        return null;
      },
    };
    const both: Body = async (run) => {
      await confirmCommit(run, { commits }, {}, "what stands there");
      await run.value("what stands there", () => 0);
    };
    const after: Body = async (run) => {
      await both(run);
      await run.step("Wait", noop);
    };
    expect(await replay(both, after)).toMatchObject({ state: "succeeded", code: null });
    expect(asked).toBe(1);
  });

  it("finds a whole branch taken out", async () => {
    const before: Body = async (run) =>
      void (await run.together({ x: (run) => run.step("X", noop), y: (run) => run.step("Y", noop) }));
    const after: Body = async (run) => {
      await run.together({ x: (run) => run.step("X", noop) });
      await run.step("Wait", noop);
    };
    expect(await replay(before, after)).toEqual(stopped);
  });

  it("stops a run of another version, and carries on one that is said to be compatible", async () => {
    const a: Body = async (run) => void (await run.step("A", noop));
    const after: Body = async (run) => {
      await a(run);
      await run.step("Wait", noop);
    };
    expect(await replay(a, after, { version: 2 })).toEqual({ ...stopped, code: "pipeline_version_unknown" });
    await opened?.remove();
    expect(await replay(a, after, { version: 2, compatibleWith: [1] })).toMatchObject({ state: "succeeded" });
  });
});

describe("names", () => {
  async function faultOf(body: Body): Promise<string | undefined> {
    opened = await TestEngine.open({ pipelines: [named(body)] });
    const { id } = await opened.submit("play", "stg1");
    const code = (await opened.ended(id)).outcome?.fault?.code;
    await opened.remove();
    opened = undefined;
    return code;
  }

  it("used twice in one scope are found at once, whether of steps, branches or parts", async () => {
    expect(
      await faultOf(async (run) => {
        await run.step("A", noop);
        await run.step("A", noop);
      }),
    ).toBe("duplicate_step");
    expect(
      await faultOf(async (run) => {
        await run.together({ x: (run) => run.step("A", noop) });
        await run.together({ x: (run) => run.step("B", noop) });
      }),
    ).toBe("duplicate_step");
    expect(
      await faultOf(async (run) => {
        await run.in("round", (run) => run.step("A", noop));
        await run.in("round", (run) => run.step("B", noop));
      }),
    ).toBe("duplicate_step");
    expect(await faultOf(async (run) => void (await run.in("cleanup", (run) => run.step("A", noop))))).toBe(
      "duplicate_step",
    );
  });

  it("may be the same in different scopes, nested as deep as one likes", async () => {
    const nested: Body = async (run) => {
      for (const round of ["1", "2"])
        await run.in(round, async (run) => {
          const background = run.background("beside", (run) =>
            run.together({ a: (run) => run.step("A", noop), b: (run) => run.step("A", noop) }),
          );
          await run.step("A", noop);
          await background.join();
        });
    };
    expect(await faultOf(nested)).toBeUndefined();
  });

  it("of two steps side by side in one scope are refused", async () => {
    expect(
      await faultOf(async (run) => {
        await Promise.all([run.step("A", noop), run.step("B", noop)]);
      }),
    ).toBe("Error");
  });
});
