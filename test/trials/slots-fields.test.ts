import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { calls } from "../../sandbox/client.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { configFile, reload } from "./support/configuration.ts";
import { ask, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      serviceUpdate: {
        steps: [
          { name: "Start LMS", run: "platform lms start" },
          { name: "Start services", run: "docker compose up -d" },
          { name: "Tell", local: ["echo", "of {sha} and {ref}"] },
        ],
      },
    }),
  });
}, 120_000);
afterAll(() => stand.close(), 60_000);

const launched = async () =>
  (await calls(stand.yard.json)).filter(({ action }) => action === "ec2:RunInstances").length;

it("a value that a launch does not have ends it before anything is created, and is never passed on as `{ref}`", async () => {
  const run = await stand.begin(`launch stg1 --sha ${SHA} --tests none`);
  const { outcome } = await stand.ended(run.id);
  expect(outcome).toMatchObject({ state: "failed", fault: { code: "field_missing" } });
  expect(outcome.fault?.message).toContain("{ref}");
  expect(await launched()).toBe(0);
  await untilSlot(stand, "stg1", "free");
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(await ask(stand, `show ${run.id}`)).toContain("{ref}");
}, 90_000);

it("control: one that uses what it has goes through, and is told it", async () => {
  const file = configFile(stand);
  writeFileSync(file, readFileSync(file, "utf8").replace(" and {ref}", " on {slot}"));
  await reload(stand, /configuration read again/);
  const run = await stand.begin(`launch stg1 --sha ${SHA} --tests none`);
  expect((await stand.ended(run.id)).outcome).toMatchObject({ state: "succeeded", fault: null });
  expect(await launched()).toBe(1);
  expect(await ask(stand, `logs ${run.id}`)).toContain(`of ${SHA} on stg1`);
}, 90_000);
