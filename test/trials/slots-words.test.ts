import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/util/json.ts";
import { writeSuite } from "../testing/helpers.ts";
import { ec2Client } from "./support/aws.ts";
import { ask, eventually, instanceOn, messageOf, runOf, threadOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const KEEP = "launch stg1 --tests none --keep 30m";
let stand: Stand;
let folder: string;

/** Lists its tests, and then does not run them. */
const BROKEN = `
if (!process.argv.includes("--list")) throw new Error("the staging password is not set");
export default { testDir: "./tests", projects: [{ name: "chrome" }] };
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-words-"));
  const one = 'import { test } from "@playwright/test"; test("one", () => {});';
  const directory = writeSuite(folder, { "tests/a.spec.ts": one }, BROKEN);
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      tests: { ...(config.tests as JsonObject), directory, browsers: ["chrome"], users: {} },
    }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The run of a command once it has failed. */
async function failed(command: string) {
  const { id } = await stand.begin(command);
  expect((await stand.ended(id)).state).toBe("failed");
  return await runOf(stand, id);
}

describe("what people read", () => {
  it("of a suite that ends without a report: its last lines, in the reason and in the thread", async () => {
    const kept = await stand.begin(KEEP);
    expect((await stand.ended(kept.id)).state).toBe("succeeded");
    const run = await failed("test stg1");
    expect(run.reason).toContain("before any test");
    expect(run.reason).toContain("the staging password is not set");
    const thread = await threadOf(stand, run.id);
    expect(thread.match(/Judge the results.*failed/g)).toHaveLength(1);
    expect(thread.slice(thread.indexOf("Judge the results"))).toContain("the staging password is not set");
  }, 120_000);

  it("of a kept instance that is no more: that, AWS's reason once, and what to do next", async () => {
    const id = await instanceOn(stand, "stg1");
    const client = ec2Client(stand.yard.json);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    client.destroy();
    for (const command of ["test stg1", "update stg1", "swap stg1"]) {
      const run = await failed(command);
      expect(run.reason).toContain(`What was kept on stg1 is no more: the instance ${id} is `);
      expect(run.reason?.match(/Client\.UserInitiatedShutdown/g)).toHaveLength(1);
      expect(run.reason).toMatch(/\/stg terminate stg1 .*\/stg launch stg1 --keep/);
      expect(run.steps.map(({ name }) => name)).toEqual(["Instance still runs"]);
      expect(await ask(stand, "status stg1")).toContain("/stg terminate stg1");
    }
    await ask(stand, "terminate stg1");
    await untilSlot(stand, "stg1", "free");
  }, 120_000);

  it("while AWS throttles: that it does, in the step that waits, and in the cleanup", async () => {
    const faults = (action: string) => [{ action, mode: "throttle", code: "RequestLimitExceeded", rate: 1 }];
    await stand.control("faults", faults("ec2:DescribeInstances"));
    const { id } = await stand.begin("launch stg1 --tests none");
    const told = /Instance runs.*AWS throttles \(too many calls\) since/;
    await eventually(
      "told",
      async () => (await messageOf(stand, id))?.text ?? "",
      (text) => told.test(text),
      60_000,
    );
    await stand.control("faults", faults("ec2:TerminateInstances"));
    await ask(stand, `cancel ${id}`);
    const again = /Terminate instance, attempt \d+ \(not yet: .*RequestLimitExceeded/;
    await eventually(
      "told",
      async () => (await messageOf(stand, id))?.text ?? "",
      (text) => again.test(text),
      90_000,
    );
    await stand.control("faults", []);
    expect((await stand.ended(id, 120_000)).state).toBe("cancelled");
    // The control: of an AWS that answers nothing of this is said.
    const well = await stand.begin("launch stg1 --tests none");
    expect((await stand.ended(well.id)).state).toBe("succeeded");
    expect(await threadOf(stand, well.id)).not.toMatch(/AWS (throttles|does not answer)|not yet:/);
  }, 300_000);
});
