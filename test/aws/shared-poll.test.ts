import { beforeEach, describe, expect, it } from "vitest";
import { AwsFault, type AwsFaultKind, type AwsTrouble } from "../../src/cloud/index.ts";
import { SharedPoll, WaitTimeout } from "../../src/cloud/shared-poll.ts";
import { ManualTimers, settle } from "./manual-timers.ts";

/**
 * The poll alone, with time in the test's hands: a look is a call of `fetch`, which says what the test set.
 */
let timers: ManualTimers;
let looks: { at: number; keys: readonly string[] }[];
let world: Map<string, string>;
let trouble: AwsFault | undefined;
let poll: SharedPoll<string, string>;

beforeEach(() => {
  timers = new ManualTimers();
  looks = [];
  world = new Map();
  trouble = undefined;
  poll = newPoll(() => 0.5);
});

function newPoll(random: () => number): SharedPoll<string, string> {
  return new SharedPoll<string, string>({
    thing: "instance",
    fetch: async (keys) => {
      looks.push({ at: timers.now(), keys });
      if (trouble) throw trouble;
      return world;
    },
    pick: (found, key) => found.get(key),
    describe: (seen) => seen,
    timers,
    random,
  });
}

function fault(kind: AwsFaultKind): AwsFault {
  const facts = { action: "ec2:DescribeInstances", region: "us-east-1", kind, definite: true, attempts: 1 };
  const none = { awsCode: undefined, httpStatus: undefined, requestId: undefined };
  return new AwsFault(`it is ${kind}`, { ...facts, ...none }, { remedy: "do this" });
}

const isRunning = (seen: string | undefined) => (seen === "running" ? seen : undefined);
const gaps = () => looks.slice(1).map((look, index) => Math.round(look.at - (looks[index]?.at ?? 0)));
const hour = () => timers.now() + 3_600_000;

describe("the rhythm of looks", () => {
  it("is at once, after 250 ms, 500 ms, then every second", async () => {
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: hour() });
    await timers.pass(5_000);
    expect(gaps()).toEqual([250, 500, 1000, 1000, 1000, 1000]);
    world.set("i-1", "running");
    await timers.pass(1_000);
    await expect(waiting).resolves.toBe("running");
  });

  it("varies by a fifth", async () => {
    const chances = [0, 0.999, 0, 0.999, 0, 0.999];
    poll = newPoll(() => chances.shift() ?? 0.5);
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: timers.now() + 4_500 });
    waiting.catch(() => {});
    await timers.pass(4_500);
    expect(gaps().slice(0, 4)).toEqual([250, 600, 800, 1200]);
  });

  it("goes on when the clock is set back or ahead", async () => {
    for (const by of [-3_600_000, 86_400_000]) {
      const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: hour() });
      await timers.pass(2_000);
      timers.set(by);
      const before = looks.length;
      await timers.pass(20_000);
      expect(looks.length).toBeGreaterThan(before + 5);
      world.set("i-1", "running");
      await timers.pass(2_000);
      await expect(waiting).resolves.toBe("running");
      world.clear();
    }
  });

  it("makes no call and keeps no timer while nobody waits", async () => {
    world.set("i-1", "running");
    await Promise.all([poll.wait("i-1", "i-1", isRunning, { deadline: hour() }), timers.pass(10)]);
    expect(looks).toHaveLength(1);
    expect(poll.busy).toBe(false);
    expect(timers.pending).toBe(0);
    await timers.pass(60_000);
    expect(looks).toHaveLength(1);
  });
});

describe("sharing", () => {
  it("costs fifty watchers as many looks as one", async () => {
    const alone = poll.wait("i-0", "i-0", isRunning, { deadline: timers.now() + 20_000 });
    alone.catch(() => {});
    await timers.pass(20_000);
    const forOne = looks.length;
    looks = [];
    const names = Array.from({ length: 50 }, (_, n) => `i-${n}`);
    const all = names.map((id) => poll.wait(id, id, isRunning, { deadline: timers.now() + 20_000 }));
    for (const one of all) one.catch(() => {});
    await timers.pass(20_000);
    expect(looks.length).toBeLessThanOrEqual(forOne + 1);
    expect(looks.at(-1)?.keys).toEqual(names);
  });

  it("costs fifty times as much without it (negative control)", async () => {
    const deadline = timers.now() + 5_000;
    const all = Array.from({ length: 50 }, (_, n) =>
      newPoll(() => 0.5).wait(`i-${n}`, `i-${n}`, isRunning, { deadline }),
    );
    for (const one of all) one.catch(() => {});
    await timers.pass(5_000);
    expect(looks.length).toBeGreaterThan(50 * 5);
  });

  it("never looks more often than every 250 ms, however many join", async () => {
    for (let n = 0; n < 40; n++) {
      poll.wait(`i-${n}`, `i-${n}`, isRunning, { deadline: timers.now() + 30_000 }).catch(() => {});
      await timers.pass(50);
    }
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(250);
  });

  it("gives nobody an answer that was asked for before they came", async () => {
    const answer = Promise.withResolvers<Map<string, string>>();
    const slow = new SharedPoll<string, string>({
      thing: "instance",
      fetch: (keys) => {
        looks.push({ at: timers.now(), keys });
        return looks.length === 1 ? answer.promise : Promise.resolve(world);
      },
      pick: (found, key) => found.get(key),
      describe: (seen) => seen,
      timers,
      random: () => 0.5,
    });
    const first = slow.wait("i-1", "i-1", isRunning, { deadline: hour() });
    await timers.pass(1);
    const seen: (string | undefined)[] = [];
    const second = slow.wait(
      "i-1",
      "i-1",
      (state) => {
        seen.push(state);
        return state;
      },
      { deadline: hour() },
    );
    answer.resolve(new Map([["i-1", "running"]]));
    await expect(first).resolves.toBe("running");
    expect(seen).toEqual([]);
    world.set("i-1", "terminated");
    await timers.pass(500);
    await expect(second).resolves.toBe("terminated");
  });
});

describe("trouble", () => {
  it("doubles the pause to ten seconds while throttled, and comes back afterwards", async () => {
    trouble = fault("throttled");
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: hour() });
    await timers.pass(40_000);
    expect(gaps().slice(0, 6)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
    trouble = undefined;
    looks = [];
    await timers.pass(30_000);
    expect(gaps().slice(0, 5)).toEqual([5000, 2500, 1250, 1000, 1000]);
    world.set("i-1", "running");
    await timers.pass(1_000);
    await expect(waiting).resolves.toBe("running");
  });

  it("is told to those who wait once it lasts, and so is its end; a single fault is not", async () => {
    const told: (AwsTrouble | null)[] = [];
    const options = () => ({ deadline: hour(), onTrouble: (one: AwsTrouble | null) => void told.push(one) });
    const waiting = poll.wait("i-1", "i-1", isRunning, options());
    trouble = fault("timeout");
    await timers.pass(300);
    trouble = undefined;
    await timers.pass(20_000);
    expect(told).toEqual([]);
    const since = timers.now();
    trouble = fault("throttled");
    await timers.pass(8_000);
    expect(told.at(-1)?.fault).toBe(trouble);
    expect(told.at(-1)?.since).toBeGreaterThanOrEqual(since);
    expect(told.at(-1)?.since).toBeLessThan(since + 1_300);
    trouble = undefined;
    world.set("i-1", "running");
    await timers.pass(10_000);
    await expect(waiting).resolves.toBe("running");
    expect(told.filter((one) => one === null)).toHaveLength(1);
    expect(told.at(-1)).toBeNull();
    expect(timers.pending).toBe(0);
  });

  it("is told while a look has no answer at all", async () => {
    const told: (AwsTrouble | null)[] = [];
    const silent = new SharedPoll<string, string>({
      thing: "instance",
      fetch: () => new Promise(() => {}),
      pick: () => undefined,
      describe: (seen) => seen,
      timers,
      random: () => 0.5,
    });
    const since = timers.now();
    const onTrouble = (one: AwsTrouble | null) => void told.push(one);
    silent.wait("i-1", "i-1", isRunning, { deadline: since + 10_000, onTrouble }).catch(() => {});
    await timers.pass(2_500);
    expect(told).toEqual([]);
    await timers.pass(1_000);
    expect(told).toEqual([{ since, fault: undefined }]);
  });

  it("holds a newcomer back as well", async () => {
    trouble = fault("throttled");
    poll.wait("i-1", "i-1", isRunning, { deadline: timers.now() + 60_000 }).catch(() => {});
    await timers.pass(16_000);
    const before = looks.length;
    poll.wait("i-2", "i-2", isRunning, { deadline: timers.now() + 60_000 }).catch(() => {});
    await timers.pass(5_000);
    expect(looks.length).toBe(before);
  });

  it.each(["timeout", "network", "server", "garbage"] as const)("%s is waited out", async (kind) => {
    trouble = fault(kind);
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: hour() });
    await timers.pass(3_500);
    trouble = undefined;
    world.set("i-1", "running");
    await timers.pass(10_000);
    await expect(waiting).resolves.toBe("running");
  });

  it.each(["denied", "invalid", "not_found"] as const)("%s ends all waiting at once", async (kind) => {
    trouble = fault(kind);
    const waiting = [1, 2].map((n) => poll.wait(`i-${n}`, `i-${n}`, isRunning, { deadline: hour() }));
    const ended = Promise.allSettled(waiting);
    await timers.pass(300);
    for (const one of await ended) expect(one).toMatchObject({ status: "rejected", reason: trouble });
    expect(looks).toHaveLength(1);
    expect(timers.pending).toBe(0);
  });

  it("of one watcher's own is its own alone", async () => {
    world.set("i-1", "stopped").set("i-2", "pending");
    const own = new Error("it stopped");
    const one = poll.wait<string>(
      "i-1",
      "i-1",
      () => {
        throw own;
      },
      { deadline: hour() },
    );
    const other = poll.wait("i-2", "i-2", isRunning, { deadline: hour() });
    one.catch(() => {});
    await timers.pass(10);
    await expect(one).rejects.toBe(own);
    world.set("i-2", "running");
    await timers.pass(1_000);
    await expect(other).resolves.toBe("running");
  });
});

describe("an end without success", () => {
  it("is a named time-out that says what was seen last", async () => {
    world.set("i-1", "pending");
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: timers.now() + 2_000, what: "running" });
    waiting.catch(() => {});
    await timers.pass(1_999);
    expect(poll.busy).toBe(true);
    await timers.pass(1);
    const timeout = await waiting.catch((error: unknown) => error);
    expect(timeout).toBeInstanceOf(WaitTimeout);
    expect(timeout).toMatchObject({ code: "instance_wait_timeout", fields: { seen: "pending" } });
    expect((timeout as Error).message).toMatch(/i-1 did not become running in time; last seen: pending/);
    expect(timers.pending).toBe(0);
  });

  it("names the fault that kept it from looking", async () => {
    trouble = fault("throttled");
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: timers.now() + 2_000 });
    waiting.catch(() => {});
    await timers.pass(2_000);
    await expect(waiting).rejects.toMatchObject({ cause: trouble, remedy: "do this" });
  });

  it("comes even when a look never ends", async () => {
    const stuck = new SharedPoll<string, string>({
      thing: "instance",
      fetch: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
      pick: (found, key) => found.get(key),
      describe: (seen) => seen,
      timers,
      random: () => 0.5,
    });
    const waiting = stuck.wait("i-1", "i-1", isRunning, { deadline: timers.now() + 2_000 });
    waiting.catch(() => {});
    await timers.pass(2_000);
    await expect(waiting).rejects.toBeInstanceOf(WaitTimeout);
    expect(timers.pending).toBe(0);
  });

  it("is the signal's reason at once, leaving the others waiting", async () => {
    const controller = new AbortController();
    const waiting = poll.wait("i-1", "i-1", isRunning, { deadline: hour(), signal: controller.signal });
    const other = poll.wait("i-2", "i-2", isRunning, { deadline: hour() });
    await timers.pass(300);
    controller.abort(new Error("cancelled"));
    await expect(waiting).rejects.toThrow("cancelled");
    world.set("i-2", "running");
    await timers.pass(1_000);
    await expect(other).resolves.toBe("running");
    expect(looks.at(-1)?.keys).toEqual(["i-2"]);
    const late = poll.wait("i-1", "i-1", isRunning, { deadline: hour(), signal: controller.signal });
    await expect(late).rejects.toThrow("cancelled");
    await settle();
    expect(poll.busy).toBe(false);
  });
});
