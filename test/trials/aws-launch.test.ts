import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchedSince, leftInCloud } from "../crash/support/cloud.ts";
import { ask } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const LAUNCH = "launch stg1 --tests none";
const ROOT = join(import.meta.dirname, "..", "..");
const ZONES = ["us-east-1a", "us-east-1b"] as const;
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterEach(async () => {
  await stand.control("faults", []);
});
afterAll(() => stand.close(), 60_000);

/** A launch from Slack to its end, with these faults on the way. */
async function launch(faults: readonly object[], command = LAUNCH) {
  stand.trial.begin();
  await stand.control("faults", faults);
  return await stand.ended((await stand.begin(command)).id);
}

/** Everything that is wrong at the end, but that several tokens were used where several candidates were tried. */
async function wrongAfter(state: string): Promise<string[]> {
  return (await stand.trial.audit({ state })).filter((line) => !line.endsWith("client tokens"));
}

async function launches() {
  const calls = await stand.calls(stand.trial.since, "ec2:RunInstances");
  return calls.map(({ parameters, status }) => ({
    ...(parameters as { ClientToken: string; InstanceType: string; SubnetId: string }),
    status,
  }));
}

function capacity(type: string, available: number | null) {
  return stand.control("config", { capacity: ZONES.map((zone) => ({ type, zone, available })) });
}

describe("capacity", () => {
  afterEach(async () => {
    await capacity("t3.large", null);
    await capacity("t3a.large", null);
  });

  it("a type that AWS has no room for gives way to the next, under another token", async () => {
    await capacity("t3.large", 0);
    expect((await launch([])).state).toBe("succeeded");
    expect(await wrongAfter("succeeded")).toEqual([]);
    const asked = await launches();
    expect(asked.map(({ InstanceType }) => InstanceType)).toEqual(["t3.large", "t3.large", "t3a.large"]);
    expect(asked.map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(new Set(asked.map(({ ClientToken }) => ClientToken)).size).toBe(3);
    expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  });

  it("no room anywhere: told as that, with nothing left", async () => {
    await capacity("t3.large", 0);
    await capacity("t3a.large", 0);
    const { state, outcome } = await launch([]);
    expect(state).toBe("failed");
    expect(outcome.fault).toMatchObject({ code: "no_capacity", remedy: expect.stringContaining("types") });
    // Four refusals, told once.
    expect(outcome.fault?.message).toMatch(
      /^AWS has no capacity for stg1 now: InsufficientInstanceCapacity for t3\.large and t3a\.large in subnet-\w+ and subnet-\w+\.$/,
    );
    expect(await wrongAfter("failed")).toEqual([]);
    expect(await launches()).toHaveLength(4);
    expect(await launchedSince(stand.yard, stand.trial.since)).toEqual([]);
  });

  it("an unknown outcome is no lack of capacity: the same request again, not the next type", async () => {
    expect((await launch([{ action: "ec2:RunInstances", mode: "error-after" }])).state).toBe("succeeded");
    expect(await stand.trial.audit()).toEqual([]);
    const asked = await launches();
    expect(asked).toHaveLength(2);
    expect(new Set(asked.map(({ ClientToken }) => ClientToken)).size).toBe(1);
  });
});

describe("a launch that AWS refuses", () => {
  const mismatch = {
    action: "ec2:RunInstances",
    mode: "error-before",
    code: "IdempotentParameterMismatch",
    rate: 1,
  };
  const denied = { action: "ec2:RunInstances", mode: "error-before", code: "UnauthorizedOperation" };
  const lost = { action: "ec2:RunInstances", mode: "error-after" };

  it("for a token used otherwise: told, with nothing left", async () => {
    const { outcome } = await launch([mismatch]);
    expect(outcome.fault).toMatchObject({ code: "aws_token_mismatch", remedy: expect.any(String) });
    expect(outcome.fault?.message).toContain("ec2:RunInstances");
    expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
    expect(await launchedSince(stand.yard, stand.trial.since)).toEqual([]);
  });

  it("for a token used otherwise, by an instance that is there: that one is terminated", async () => {
    const { outcome } = await launch([lost, mismatch]);
    expect(outcome.fault?.code).toBe("aws_token_mismatch");
    expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
    expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  });

  it("after a first call whose answer was lost: what that one launched is terminated", async () => {
    const { outcome } = await launch([lost, denied]);
    expect(outcome.fault?.code).toBe("aws_denied");
    expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
    expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  });

  it("after a first call in a process that was killed: what that one launched is terminated", async () => {
    stand.trial.begin();
    await stand.control("faults", [{ action: "ec2:RunInstances", mode: "hang-after" }]);
    const { id } = await stand.begin(LAUNCH);
    await stand.trial.until("asked", async () => (await launches()).length > 0);
    await stand.trial.kill();
    await stand.control("faults", [denied]);
    await stand.trial.start();
    const { outcome } = await stand.ended(id);
    expect(outcome.fault?.code).toBe("aws_denied");
    expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
    expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  });
});

it("cancelled while AWS has not answered: the instance that appears later is terminated", async () => {
  stand.trial.begin();
  // Not to be found for a while: absence now is no proof.
  await stand.control("config", { delays: { consistency: 2_000 } });
  await stand.control("faults", [{ action: "ec2:RunInstances", mode: "hang-after" }]);
  const { id } = await stand.begin(LAUNCH);
  await stand.trial.until("asked", async () => (await launches()).length > 0);
  await stand.say(`cancel ${id}`);
  expect((await stand.ended(id)).state).toBe("cancelled");
  await stand.control("config", { delays: { consistency: 0 } });
  expect(await stand.trial.audit({ state: "cancelled" })).toEqual([]);
  expect(await launchedSince(stand.yard, stand.trial.since)).toMatchObject([
    { terminated: expect.any(String) },
  ]);
}, 90_000);

describe("one of two branches fails", () => {
  const loadsFor = (ms: number) =>
    `await new Promise((done) => setTimeout(done, ${ms}));\nthrow new Error("the suite is broken");\n`;

  /** A bot whose tests cannot be prepared. */
  async function withTests(directory: string, work: (stand: Stand) => Promise<void>): Promise<void> {
    const other = await Stand.open({
      config: (config) => ({ ...config, tests: { ...(config.tests as object), directory } }),
      cloud: (config) => ({ ...config, delays: { ...config.delays, pending: 30_000 } }),
    });
    try {
      await work(other);
    } finally {
      await other.close();
    }
  }

  it("the other is stopped and undone", async () => {
    const folder = join(stand.yard.folder, "suite");
    mkdirSync(folder);
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "playwright.config.ts"), loadsFor(2_000));
    await withTests(folder, async (other) => {
      other.trial.begin();
      const { id } = await other.begin("launch stg1");
      await other.untilStep(id, /Instance runs$/);
      const { outcome, ended_at } = await other.ended(id);
      expect(outcome.fault).toMatchObject({ code: "tests_configuration" });
      expect(outcome.fault?.message).toContain("the suite is broken");
      const stopped = other.trial.journal.steps(id).find(({ path }) => path.endsWith("Instance runs"));
      expect(stopped).toMatchObject({ state: "failed" });
      expect(stopped?.error_json).toContain("stopped_beside_failure");
      // It would have been pending for 30 s.
      expect((ended_at ?? 0) - other.trial.since).toBeLessThan(25_000);
      expect(await other.trial.audit({ state: "failed" })).toEqual([]);
      expect(await launchedSince(other.yard, other.trial.since)).toHaveLength(1);
    });
  }, 120_000);

  it("at once, when there is nothing to run the tests with", async () => {
    const folder = join(stand.yard.folder, "no-suite");
    mkdirSync(folder);
    await withTests(folder, async (other) => {
      other.trial.begin();
      const { outcome } = await other.ended((await other.begin("launch stg1")).id);
      expect(outcome.fault).toMatchObject({ code: "tests_playwright_missing" });
      expect(await other.trial.audit({ state: "failed" })).toEqual([]);
    });
  }, 120_000);
});

it("cleanup that AWS does not permit: the slot is dirty and nothing launches, until it is permitted", async () => {
  stand.trial.begin();
  const kept = await launch([], "launch stg1 --tests none --keep");
  expect(kept.state).toBe("succeeded");
  await stand.control("config", { denied: ["ec2:TerminateInstances"] });
  await stand.say("unlock stg1");
  await stand.trial.until("refused", async () =>
    (await stand.calls(stand.trial.since, "ec2:TerminateInstances")).some(({ status }) => status === 403),
  );
  expect(stand.trial.journal.heldLeases()).toEqual(["stg1 dirty"]);
  expect(await ask(stand, LAUNCH)).toContain("being cleaned up");
  const next = stand.trial.journal.runs().at(-1);
  expect(next).toMatchObject({ state: "queued" });
  const owed = stand.trial.journal.openObligations().map(({ kind }) => kind);
  expect(owed).toEqual(expect.arrayContaining(["instance", "lease"]));
  expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  await stand.control("config", { denied: [] });
  expect((await stand.ended(next?.id ?? 0)).state).toBe("succeeded");
  expect(await launchedSince(stand.yard, stand.trial.since)).toMatchObject([
    { terminated: expect.any(String) },
    { terminated: expect.any(String) },
  ]);
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(stand.trial.journal.openObligations()).toEqual([]);
  expect(stand.trial.journal.heldLeases()).toEqual([]);
}, 120_000);
