import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bareEnvironment } from "../../sandbox/supervisor/environment.ts";
import { databaseOf } from "../crash/support/bot.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { Gate } from "./support/gate.ts";
import { allEnded, ask, eventually, runOf, runsOf, slotOf, toldTo, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const gate = new Gate();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({ config: (config) => ({ ...config, serviceUpdate: gate.serviceUpdate() }) });
}, 120_000);
afterAll(async () => {
  await stand.close();
  gate.remove();
}, 60_000);
afterEach(async () => {
  gate.open();
  await allEnded(stand);
});

const gatePath = /Gate$/;

describe("a taken slot", () => {
  it("queues, first come first served, over a SIGKILL of the bot, and runs by itself", async () => {
    gate.shut();
    const first = await stand.begin("launch stg1 --tests none --reason first");
    await stand.untilStep(first.id, gatePath);
    expect(await ask(stand, "launch stg1 --tests none", "developer2")).toContain("Number 1 in the queue");
    expect(await ask(stand, "launch stg1 --tests none", "maintainer")).toContain("Number 2 in the queue");
    expect(await ask(stand, "launch stg1 --tests none", "developer")).toContain("Number 3 in the queue");
    const refused = await ask(stand, "launch stg1 --tests none --no-wait", "developer2");
    expect(refused).toContain("slot_taken");
    expect((await runsOf(stand)).length).toBe(first.id + 3);
    const before = await slotOf(stand, "stg1");
    expect(before.queue.map(({ run, requestedBy }) => [run, requestedBy])).toEqual([
      [first.id + 1, "slack:U0DEVELOPER2"],
      [first.id + 2, "slack:U0MAINTAINER"],
      [first.id + 3, "slack:U0DEVELOPER"],
    ]);
    expect(await ask(stand, "queue stg1")).toMatch(/1\. .*\n.*2\. .*\n.*3\. /);

    await stand.trial.kill();
    await stand.trial.start();

    expect((await slotOf(stand, "stg1")).queue.map(({ run }) => run)).toEqual(
      before.queue.map(({ run }) => run),
    );
    gate.open();
    for (const { run } of before.queue) expect((await stand.ended(run)).state).toBe("succeeded");
    const runs = [first.id, ...before.queue.map(({ run }) => run)];
    const times = await Promise.all(runs.map(async (id) => (await runOf(stand, id)).startedAt ?? ""));
    expect(times).toEqual(times.toSorted());
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 120_000);

  it("`leave` and `cancel` give a place up, and nobody else's", async () => {
    gate.shut();
    const first = await stand.begin("launch stg1 --tests none");
    await stand.untilStep(first.id, gatePath);
    await ask(stand, "launch stg1 --tests none", "developer2");
    await ask(stand, "launch stg1 --tests none", "maintainer");
    await ask(stand, "launch stg1 --tests none", "developer");
    const queue = (await slotOf(stand, "stg1")).queue.map(({ run }) => run);
    expect(queue).toEqual([first.id + 1, first.id + 2, first.id + 3]);
    expect(await ask(stand, "leave stg1", "developer2")).toContain("no longer waits");
    expect(await ask(stand, "leave stg1", "developer2")).toContain("not_queued");
    expect((await runOf(stand, first.id + 1)).state).toBe("cancelled");
    expect(await ask(stand, `cancel ${first.id + 2}`, "maintainer")).toContain("it had not begun");
    expect((await slotOf(stand, "stg1")).queue.map(({ run }) => run)).toEqual([first.id + 3]);
    gate.open();
    expect((await stand.ended(first.id + 3)).state).toBe("succeeded");
    expect((await runOf(stand, first.id + 1)).steps).toEqual([]);
  }, 90_000);

  it("no slot named: the first free one; all taken: it waits for whichever comes free", async () => {
    gate.shut();
    const runs: number[] = [];
    for (let n = 0; n < 5; n++) runs.push((await stand.begin("launch --tests none")).id);
    await eventually(
      "four at work",
      () => Promise.all(runs.map((id) => runOf(stand, id))),
      (seen) => seen.filter(({ state }) => state === "running").length === 4,
    );
    const targets = async () =>
      (await Promise.all(runs.map((id) => runOf(stand, id)))).map(({ target }) => target);
    expect(await targets()).toEqual(["stg1", "stg2", "stg3", "stg4", null]);
    await stand.untilStep(runs[2] ?? 0, gatePath);
    await ask(stand, `cancel ${runs[2]}`);
    await eventually("the fifth on stg3", targets, (seen) => seen[4] === "stg3");
    gate.open();
    for (const id of runs) await stand.ended(id);
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 90_000);
});

describe("another's slot", () => {
  it("`unlock` is refused with who, why, since when and what to do; a maintainer's --force tells the holder", async () => {
    await ask(stand, 'lock stg2 --for 1h --reason "demo for Ann"');
    const since = (await slotOf(stand, "stg2")).since ?? "";
    for (const [user, code, way] of [
      ["developer2", "not_holder", "--force"],
      ["maintainer", "force_needed", "/stg unlock stg2 --force"],
    ] as const) {
      const refused = await ask(stand, "unlock stg2", user);
      expect(refused).toContain(code);
      expect(refused).toContain("<@U0DEVELOPER>");
      expect(refused).toContain("demo for Ann");
      expect(refused).toContain(String(Math.floor(Date.parse(since) / 1000)));
      expect(refused).toContain(way);
    }
    expect(await ask(stand, "unlock stg2 --force", "developer2")).toContain("not_holder");
    expect(await ask(stand, "launch stg2 --no-wait --tests none", "developer2")).toContain("slot_taken");
    expect(await slotOf(stand, "stg2")).toMatchObject({
      state: "held",
      holder: "slack:U0DEVELOPER",
      run: null,
    });
    expect(await ask(stand, "unlock stg2 --force", "maintainer")).toContain("has unlocked");
    expect((await slotOf(stand, "stg2")).state).toBe("free");
    await eventually(
      "the holder told",
      () => toldTo(stand, "developer"),
      (said) => said.some((text) => /<@U0MAINTAINER> has unlocked .*stg2/.test(text)),
    );
    // The control: one's own slot needs none of that, and nobody is told.
    const told = (await toldTo(stand, "developer")).length;
    await ask(stand, "lock stg2");
    expect(await ask(stand, "unlock stg2")).toContain("has unlocked");
    expect(await toldTo(stand, "developer")).toHaveLength(told);
  }, 60_000);

  it("a wrong word gets “did you mean” and starts nothing", async () => {
    const before = (await runsOf(stand)).length;
    expect(await ask(stand, "lunch stg1")).toMatch(/Did you mean .*launch/i);
    expect(await ask(stand, "launch stg9")).toContain("unknown_slot");
    expect(await ask(stand, "launch stg1", "viewer")).toContain("role_missing");
    expect((await runsOf(stand)).length).toBe(before);
  }, 60_000);
});

/** Starts another bot on the same database, on a port of its own; resolves with how it ended. */
async function secondBot(folder: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ["src/cli/slipway.mjs", "start"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...bareEnvironment(process.env),
      ...stand.yard.environment,
      PORT: "0",
      DATABASE_URL: `sqlite:${databaseOf(folder)}`,
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += String(chunk);
      // It has the database; nothing but a signal ends it now.
      if (said.includes('"ready"')) child.kill("SIGKILL");
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  return { code, said };
}

describe("two processes on one database", () => {
  it("the second refuses to start, also while the first one is stopped", async () => {
    const { folder } = stand.trial;
    const refused = await secondBot(folder);
    expect(refused.code).toBe(1);
    expect(refused.said).toContain("Another Slipway process is using");
    const pid = stand.trial.bot.pid;
    process.kill(-pid, "SIGSTOP");
    try {
      const again = await secondBot(folder);
      expect(again.code).toBe(1);
      expect(again.said).toContain("Another Slipway process is using");
    } finally {
      process.kill(-pid, "SIGCONT");
    }
    // The control: on a database that nobody holds the same process starts, and has to be ended.
    const free = await secondBot(gate.folder);
    expect(free.said).toContain('"ready"');
    expect(free.code).toBe(null);
    expect((await slotOf(stand, "stg1")).state).toBe("free");
  }, 60_000);
});
