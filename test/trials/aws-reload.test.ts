import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { Barrier } from "./support/barrier.ts";
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

const logLine = z.looseObject({ pid: z.number(), msg: z.string(), problems: z.unknown().optional() });

/** What the bot has logged so far, oldest first. */
function logged() {
  const lines = readFileSync(join(stand.trial.folder, "log"), "utf8").trim().split("\n");
  return lines.filter((line) => line.startsWith("{")).map((line) => logLine.parse(JSON.parse(line)));
}

function configFile(): string {
  return z.string().parse(stand.yard.environment.SLIPWAY_CONFIG);
}

/** Asks the bot to read its configuration again; what it says to it. */
async function reload(expected: RegExp): Promise<string> {
  const before = logged().length;
  process.kill(logged().at(-1)?.pid ?? 0, "SIGHUP");
  let said: string | undefined;
  await stand.trial.until(`saying ${expected}`, () => {
    const line = logged()
      .slice(before)
      .find(({ msg }) => expected.test(msg));
    said = line && JSON.stringify(line);
    return said !== undefined;
  });
  return said ?? "";
}

function stepNames(runId: number): string[] {
  return stand.trial.journal.steps(runId).map(({ path }) => path.split("/").at(-1) ?? "");
}

it("SIGHUP in the middle of a run: a bad file changes nothing, a changed one the next run", async () => {
  const good = readFileSync(configFile(), "utf8");
  barrier.hold("stg1");
  const first = await stand.begin(LAUNCH);
  await stand.untilStep(first.id, /\/Barrier$/);

  const lines = good.split("\n");
  const at = lines.findIndex((line) => line.startsWith("slots:"));
  const bad = [...lines.slice(0, at), "slotts: {}", ...lines.slice(at)];
  writeFileSync(configFile(), bad.join("\n"));
  const told = await reload(/the old one stays in use/);
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
  writeFileSync(configFile(), stringify(changed));
  const warning = /taken for the login wriet/;
  // The control: it was not there before.
  expect(logged().filter(({ msg }) => warning.test(msg))).toEqual([]);
  await reload(/configuration read again/);
  expect(logged().filter(({ msg }) => warning.test(msg))).toHaveLength(1);

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
  const now = parse(readFileSync(configFile(), "utf8"));
  barrier.hold("stg1");
  const run = await stand.begin(LAUNCH);
  await stand.untilStep(run.id, /\/Barrier$/);
  now.serviceUpdate.steps = now.serviceUpdate.steps.map((step: { name: string }) =>
    step.name === "After the change" ? { name: "Changed once more", run: "true" } : step,
  );
  writeFileSync(configFile(), stringify(now));
  await reload(/configuration read again/);
  await stand.trial.kill();
  await stand.trial.start();
  barrier.letGo("stg1");
  expect((await stand.ended(run.id)).state).toBe("succeeded");
  expect(stepNames(run.id)).toContain("After the change");
  expect(stepNames(run.id)).not.toContain("Changed once more");
}, 90_000);
