import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { Balancer } from "../../sandbox/cloud/balancers/index.ts";
import { SEEDED_PASSWORD, sampleApplication } from "../../sandbox/sample/index.ts";
import { boot, later, login, run } from "./machine-kit.ts";

const execute = promisify(execFile);
const SUITE = join(import.meta.dirname, "../../sandbox/sample/e2e");

const suiteSchema: z.ZodType<Suite> = z.object({
  specs: z.array(z.object({ title: z.string(), ok: z.boolean() })),
  suites: z.lazy(() => z.array(suiteSchema)).optional(),
});
interface Suite {
  specs: { title: string; ok: boolean }[];
  suites?: Suite[] | undefined;
}

/** Runs the sample suite in Chromium; titles of the tests, by whether they passed. */
async function playwright(url: string): Promise<{ passed: string[]; failed: string[] }> {
  const output = await mkdtemp(join(tmpdir(), "slipway-suite-"));
  later(() => rm(output, { recursive: true, force: true }));
  const words = [
    "playwright",
    "test",
    "--project=chrome",
    "--reporter=json",
    "--workers=2",
    `--output=${output}`,
  ];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, BASE_URL: url };
  const user = { TEST_USER: "userchrome", TEST_PASSWORD: SEEDED_PASSWORD };
  const ran = await execute("npx", words, { cwd: SUITE, env: { ...env, ...user } }).catch((error) => error);
  const report = z.object({ suites: z.array(suiteSchema) }).parse(JSON.parse(ran.stdout));
  const specs = report.suites.flatMap(specsOf);
  return {
    passed: specs.filter(({ ok }) => ok).map(({ title }) => title),
    failed: specs.filter(({ ok }) => !ok).map(({ title }) => title),
  };
}

function specsOf(suite: Suite): Suite["specs"] {
  return [...suite.specs, ...(suite.suites ?? []).flatMap(specsOf)];
}

test("the sample suite passes through a load balancer, and exactly one test fails when told to", {
  timeout: 180_000,
}, async () => {
  const application = { lmsStartMs: 10, collectstaticMs: 10 };
  const { machine, spec } = await boot({ application }, {}, sampleApplication);
  const { client } = await login(spec);
  const { instanceId, address, httpPort: port } = spec;
  const balancer = await Balancer.open({
    name: "stg1",
    address: "127.0.0.1",
    port: 0,
    decide: () => ({ kind: "forward", targetGroup: "stg1", targets: [{ instanceId, address, port }] }),
  });
  later(() => balancer.close());
  const updated = await run(
    client,
    "platform config save --ref abc && platform lms start && docker compose up -d && sleep 0.2",
  );
  expect(updated.status).toBe(0);

  const url = `http://127.0.0.1:${balancer.port}`;
  const good = await playwright(url);
  expect(good.failed).toEqual([]);
  expect(good.passed.length).toBeGreaterThanOrEqual(6);
  expect(balancer.served()[instanceId]).toBeGreaterThan(10);

  await machine.reconfigure({ application: { broken: true } });
  const bad = await playwright(url);
  expect(bad.failed).toEqual(["the monthly report adds up"]);
  expect(bad.passed.length).toBe(good.passed.length - 1);
});
