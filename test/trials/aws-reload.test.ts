import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { leftInCloud } from "../crash/support/cloud.ts";
import { Barrier } from "./support/barrier.ts";
import { configFile, logged, reload } from "./support/configuration.ts";
import { ask, eventually, slotNames, slotOf } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const LAUNCH = "launch stg1 --tests none";
const barrier = new Barrier();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({ ...config, serviceUpdate: barrier.serviceUpdate("echo made by the old one") }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  barrier.remove();
}, 60_000);

function stepNames(runId: number): string[] {
  return stand.trial.journal.steps(runId).map(({ path }) => path.split("/").at(-1) ?? "");
}

it("SIGHUP in the middle of a run: a bad file changes nothing, a changed one the next run", async () => {
  const good = readFileSync(configFile(stand), "utf8");
  barrier.hold("stg1");
  const first = await stand.begin(LAUNCH);
  await stand.untilStep(first.id, /\/Barrier$/);

  const lines = good.split("\n");
  const at = lines.findIndex((line) => line.startsWith("slots:"));
  const bad = [...lines.slice(0, at), "slotts: {}", ...lines.slice(at)];
  writeFileSync(configFile(stand), bad.join("\n"));
  const told = await reload(stand, /the old one stays in use/);
  expect(told).toContain(`:${at + 1}`);
  expect(told).toContain("slotts");
  expect(told).toContain("slots");
  // The old one is in use: what it has can still be asked for.
  expect(await stand.say("status stg2")).toBeTruthy();

  const changed = parse(good);
  changed.serviceUpdate.steps = changed.serviceUpdate.steps.map((step: { name: string }) =>
    step.name === "After" ? { name: "After the change", run: "echo made by the new one" } : step,
  );
  changed.slots.defaults.instanceType = ["t3a.large"];
  changed.access.roles.viewer = { ...changed.access.roles.viewer, github: ["wriet"] };
  writeFileSync(configFile(stand), stringify(changed));
  const warning = /taken for the login wriet/;
  // The control: it was not there before.
  expect(logged(stand).filter(({ msg }) => warning.test(msg))).toEqual([]);
  await reload(stand, /configuration read again/);
  expect(logged(stand).filter(({ msg }) => warning.test(msg))).toHaveLength(1);

  barrier.letGo("stg1");
  expect((await stand.ended(first.id)).state).toBe("succeeded");
  expect(stepNames(first.id)).toContain("After");
  expect(stepNames(first.id)).not.toContain("After the change");

  const since = Date.now();
  const second = await stand.begin(LAUNCH);
  expect((await stand.ended(second.id)).state).toBe("succeeded");
  expect(stepNames(second.id)).toContain("After the change");
  expect(stepNames(second.id)).not.toContain("After");
  const [asked] = await stand.calls(since, "ec2:RunInstances");
  expect(asked?.parameters).toMatchObject({ InstanceType: "t3a.large" });
}, 90_000);

it("SIGHUP in the middle of a run that a kill follows: it goes on with the configuration that it began with", async () => {
  const now = parse(readFileSync(configFile(stand), "utf8"));
  barrier.hold("stg1");
  const run = await stand.begin(LAUNCH);
  await stand.untilStep(run.id, /\/Barrier$/);
  now.serviceUpdate.steps = now.serviceUpdate.steps.map((step: { name: string }) =>
    step.name === "After the change" ? { name: "Changed once more", run: "true" } : step,
  );
  writeFileSync(configFile(stand), stringify(now));
  await reload(stand, /configuration read again/);
  await stand.trial.kill();
  await stand.trial.start();
  barrier.letGo("stg1");
  expect((await stand.ended(run.id)).state).toBe("succeeded");
  expect(stepNames(run.id)).toContain("After the change");
  expect(stepNames(run.id)).not.toContain("Changed once more");
}, 90_000);

it("a slot that is taken out of the configuration is shown and can be ended until nothing is left of it", async () => {
  const now = parse(readFileSync(configFile(stand), "utf8"));
  const kept = await stand.begin("launch stg2 --keep 1h --tests none");
  expect((await stand.ended(kept.id)).state).toBe("succeeded");
  await ask(stand, "lock stg3 --reason audit");
  expect(await ask(stand, "launch stg2 --tests none", "developer2")).toContain("is waiting");
  const waiting = stand.trial.journal.runs().at(-1)?.id ?? 0;
  const { stg2: _kept, stg3: _locked, stg4: _free, ...slots } = now.slots;
  writeFileSync(configFile(stand), stringify({ ...now, slots }));
  await reload(stand, /configuration read again/);

  expect((await slotOf(stand, "stg2")).state).toBe("held");
  expect((await slotOf(stand, "stg3")).state).toBe("held");
  // The control: one that nobody uses is gone with its configuration.
  await expect(slotOf(stand, "stg4")).rejects.toThrow("There is no slot stg4");
  expect(await ask(stand, "status stg2")).toContain("not in the configuration any more");
  expect(await ask(stand, "launch stg2", "maintainer")).toContain("unknown_slot");
  expect(await ask(stand, "update stg2")).toContain("unknown_slot");

  expect(await ask(stand, "unlock stg3")).toContain("has unlocked");
  const end = await stand.begin("terminate stg2");
  expect((await stand.ended(end.id)).state).toBe("succeeded");
  // Whose turn it is then finds no slot: nothing is launched for it.
  const since = Date.now();
  const late = await stand.ended(waiting);
  expect(late.outcome).toMatchObject({ state: "failed", fault: { code: "slot_not_configured" } });
  expect(await stand.calls(since, "ec2:RunInstances")).toEqual([]);
  await eventually(
    "gone from the board",
    () => slotNames(stand),
    (names) => !names.includes("stg2") && !names.includes("stg3"),
  );
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(await ask(stand, "terminate stg2")).toContain("unknown_slot");
}, 120_000);

describe("SIGHUP while the configuration's place is a pipe that nobody writes into", () => {
  const answers = async () =>
    await fetch(`${stand.yard.json.bot}/healthz`, { signal: AbortSignal.timeout(5_000) }).then(
      ({ ok }) => ok,
      () => false,
    );

  /** Sends the signal while there is a pipe, and puts the file back afterwards. */
  async function withPipe<T>(work: () => Promise<T>): Promise<T> {
    const file = configFile(stand);
    const good = readFileSync(file, "utf8");
    rmSync(file);
    execFileSync("mkfifo", [file]);
    try {
      return await work();
    } finally {
      rmSync(file);
      writeFileSync(file, good);
    }
  }

  it("keeps the old one, says so, and goes on answering", async () => {
    await withPipe(async () => {
      const told = await reload(stand, /the old one stays in use/);
      expect(told).toContain("is no regular file");
      expect(await answers()).toBe(true);
    });
    await reload(stand, /configuration read again/);
  }, 60_000);

  it("control: a bot that reads whatever is there answers no more", async () => {
    await stand.renew([
      {
        file: "src/bot/bot.ts",
        find: "() => readRegularFile(configFile)",
        replace: '() => process.getBuiltinModule("node:fs").readFileSync(configFile, "utf8")',
      },
    ]);
    await withPipe(async () => {
      process.kill(logged(stand).at(-1)?.pid ?? 0, "SIGHUP");
      await eventually("silent", answers, (isAnswered) => !isAnswered);
    });
    await stand.renew();
  }, 90_000);
});
