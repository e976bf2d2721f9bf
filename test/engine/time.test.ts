import { afterEach, describe, expect, it } from "vitest";
import { after as callAfter, sleep } from "../../src/util/clock.ts";
import { ann, bob, TestEngine } from "../support/engine.ts";
import { gate, named, pause, SetClock, Things, until, untilStopped } from "./support.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

async function lease(engine = opened) {
  const [lease] = (await engine?.engine.leases(["stg1"])) ?? [];
  if (!lease) throw new Error("no lease");
  return lease;
}

describe("long times", () => {
  it("do not end at once: timers beyond 2^31 ms wait", async () => {
    let fired = false;
    const stop = callAfter(40 * DAY, () => {
      fired = true;
    });
    const stopping = new AbortController();
    let woke = false;
    const sleeping = sleep(40 * DAY, stopping.signal).then(() => {
      woke = true;
    });
    await pause(30);
    expect({ fired, woke }).toEqual({ fired: false, woke: false });
    stop();
    stopping.abort();
    await sleeping;
    // Control: a short one does fire.
    await new Promise<void>((resolve) => callAfter(5, resolve));
  });

  it("as a step's limit", async () => {
    const play = named(async (run) => {
      await run.step("Work", () => pause(50), { timeoutMs: 30 * DAY });
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    expect(await opened.ended(id)).toMatchObject({ state: "succeeded" });
  });
});

describe("a step's limit", () => {
  it("is absolute: a restart does not begin it anew, a clock set back does not lengthen it", async () => {
    const clock = new SetClock();
    const deadlines: (number | null)[] = [];
    const play = named(async (run) => {
      await run.step(
        "Work",
        ({ signal, deadline }) => {
          deadlines.push(deadline);
          return untilStopped(signal);
        },
        { timeoutMs: 600 },
      );
    });
    const settings = { clock };
    const first = await TestEngine.open({ pipelines: [play], settings });
    const { id } = await first.submit("play", "stg1");
    await until(() => deadlines.length === 1);
    await first.close();
    clock.offset = -DAY;
    opened = await TestEngine.open({ pipelines: [play], settings, file: first.file });
    expect(await opened.ended(id)).toMatchObject({
      state: "failed",
      outcome: { fault: { code: "step_timed_out" } },
    });
    expect(deadlines[0]).toBe(deadlines[1]);
  });

  it("does not move with a clock that jumps while it runs", async () => {
    for (const offset of [DAY, -DAY, HOUR, -HOUR]) {
      const clock = new SetClock();
      const play = named(async (run) => {
        await run.step(
          "Work",
          async () => {
            clock.offset = offset;
            await pause(30);
          },
          { timeoutMs: 5_000 },
        );
      });
      const engine = await TestEngine.open({ pipelines: [play], settings: { clock } });
      const { id } = await engine.submit("play", "stg1");
      expect((await engine.ended(id)).state).toBe("succeeded");
      await engine.remove();
    }
  });
});

describe("cleanup", () => {
  it("goes on after a clock that was set back a day, and after a day without a process", async () => {
    for (const offset of [-DAY, DAY]) {
      const clock = new SetClock();
      const things = new Things();
      things.stuck.add("a");
      const play = named((run) => things.make(run, "thing", "a"));
      const options = { pipelines: [play], kinds: [things.kind("thing")], settings: { clock } };
      const first = await TestEngine.open(options);
      const { id } = await first.submit("play", "stg1");
      await until(() => things.attempts > 0);
      await pause(20);
      await first.close();
      clock.offset = offset;
      things.stuck.clear();
      // A pause of up to 30 s after a failed attempt is the most; with the clock set back it is no longer.
      const second = await TestEngine.open({ ...options, file: first.file });
      if (offset > 0) expect(await second.ended(id)).toMatchObject({ state: "succeeded" });
      else expect((await second.engine.run(id))?.state).toBe("running");
      await second.remove();
    }
  });
});

describe("a kept environment's time", () => {
  const things = new Things();
  const hold = { until: gate() };
  const keepFor = (ttl: number, maxTtl: number, workMs = 0) =>
    named(
      async (run) => {
        await things.make(run, "instance", "i-1");
        const now = await run.now("keep");
        await run.keep({ kinds: ["instance"], until: now + ttl, maxUntil: now + maxTtl, reason: null });
        await run.step("Tests", () => pause(workMs));
      },
      { kind: "keep" },
    );
  const update = named(
    async (run) => {
      await run.step("Update", () => hold.until.opened);
    },
    { kind: "update" },
  );
  const kinds = [things.kind("instance")];
  const open = async (ttl: number, maxTtl: number, clock: SetClock, workMs = 0) => {
    things.exist.clear();
    hold.until = gate();
    opened = await TestEngine.open({
      pipelines: [keepFor(ttl, maxTtl, workMs), update],
      kinds,
      settings: { clock },
    });
    return opened;
  };

  it("stands still while a run works there, however long, and goes on with what was left", async () => {
    const clock = new SetClock();
    const engine = await open(2 * HOUR, 9 * HOUR, clock);
    await engine.ended((await engine.submit("keep", "stg1")).id);
    clock.offset += HOUR;
    const { id } = await engine.submit("update", "stg1");
    clock.offset += 5 * HOUR;
    await pause(1_100);
    expect(things.exist.has("i-1")).toBe(true);
    hold.until.open();
    expect((await engine.ended(id)).state).toBe("succeeded");
    const { mode, until } = await lease();
    expect(mode).toBe("kept");
    expect(things.exist.has("i-1")).toBe(true);
    expect(Math.round(((until ?? 0) - clock.now()) / HOUR)).toBe(1);
    // And what was owed says the same time.
    const [owed] = await engine.engine.obligations({ resource: "stg1", open: true });
    expect(owed?.due).toBe(until);
    clock.offset += 61 * 60_000;
    await expect.poll(async () => (await lease()).mode, { timeout: 5_000 }).toBe("free");
    expect(things.exist.size).toBe(0);
  });

  it("ends at the longest life, though a run has worked meanwhile", async () => {
    const clock = new SetClock();
    const engine = await open(2 * HOUR, 3 * HOUR, clock);
    await engine.ended((await engine.submit("keep", "stg1")).id);
    const { id } = await engine.submit("update", "stg1");
    clock.offset += 4 * HOUR;
    hold.until.open();
    expect((await engine.ended(id)).state).toBe("succeeded");
    await expect.poll(async () => (await lease()).mode, { timeout: 5_000 }).toBe("free");
    expect(things.exist.size).toBe(0);
  });

  it("begins when its own launch has ended: tests longer than it do not use it up", async () => {
    const engine = await open(1_500, HOUR, new SetClock(), 1_700);
    await engine.ended((await engine.submit("keep", "stg1")).id);
    expect(things.exist.has("i-1")).toBe(true);
    expect((await lease()).mode).toBe("kept");
    await expect.poll(async () => (await lease()).mode, { timeout: 8_000 }).toBe("free");
  });

  it("is extended up to the longest life, by the holder or with force", async () => {
    const clock = new SetClock();
    const engine = await open(HOUR, 3 * HOUR, clock);
    await engine.ended((await engine.submit("keep", "stg1")).id);
    const options = { ms: HOUR, maxTtlMs: 3 * HOUR, force: false };
    expect(await engine.engine.extend("stg1", bob, options)).toMatchObject({ reasonCode: "not_holder" });
    expect(await engine.engine.extend("stg1", ann, options)).toMatchObject({ refused: false });
    expect(await engine.engine.extend("stg1", ann, { ...options, ms: 30 * DAY })).toMatchObject({
      refused: false,
    });
    expect(await engine.engine.extend("stg1", ann, options)).toMatchObject({ reasonCode: "max_ttl_reached" });
    clock.offset = 2.9 * HOUR;
    await pause(1_200);
    expect((await lease()).mode).toBe("kept");
    clock.offset = 3.1 * HOUR;
    await expect.poll(async () => (await lease()).mode, { timeout: 5_000 }).toBe("free");
  });
});
