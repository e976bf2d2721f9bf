import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { api, calls, controlUrl, slash, waitForRun } from "../sandbox/client.ts";
import { startSandbox } from "../sandbox/supervisor/start.ts";
import type { JsonObject } from "../src/util/json.ts";
import { type Row, round } from "./numbers.ts";

interface Delays {
  readonly pending: number;
  readonly sshReady: number;
  /** A service step that sleeps on the instance, in seconds. */
  readonly update: number;
  readonly terminate: number;
}

/** Cloud delays that add up, with a health check and Playwright, to about 30 s and 120 s. */
const SCENARIOS: readonly { readonly name: string; readonly delays: Delays; readonly ratio?: number }[] = [
  { name: "30 s", delays: { pending: 8_000, sshReady: 6_000, update: 8, terminate: 5_000 } },
  {
    name: "120 s",
    delays: { pending: 25_000, sshReady: 30_000, update: 45, terminate: 15_000 },
    ratio: 1.03,
  },
];

const LONGEST_OVERHEAD_S = 3;

const runForm = z.object({
  createdAt: z.iso.datetime().transform(Date.parse),
  endedAt: z.iso.datetime().transform(Date.parse),
});
const times = z.object({
  instances: z.array(
    z.object({
      pending: z.string(),
      running: z.string(),
      sshReady: z.string(),
      shuttingDown: z.string(),
      terminated: z.string(),
    }),
  ),
  targets: z.array(
    z.object({
      registered: z.string(),
      firstHealthy: z.string(),
      deregistered: z.string(),
      drained: z.string(),
    }),
  ),
});

/**
 * A whole launch with real SSH and real Playwright, against the cloud's own critical path: the longest chain of its
 * delays (pending, SSH, the sleeping update, first healthy check, terminating) and of Playwright's process. What is
 * left is the bot's.
 */
export async function benchLaunch(dir: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of SCENARIOS)
    rows.push(...(await measure(join(dir, `launch-${scenario.name.replace(" ", "")}`), scenario)));
  return rows;
}

async function measure(dir: string, { name, delays, ratio }: (typeof SCENARIOS)[number]): Promise<Row[]> {
  const sandbox = await startSandbox({
    dir,
    port: 0,
    cloud: (config) => ({ ...config, delays: { ...config.delays, ...pick(delays) } }),
    config: (config) => withUpdate(config, delays.update),
  });
  try {
    const { json } = sandbox;
    const before = (await calls(json)).length;
    await slash(json, "developer", "launch stg1 --tests chrome");
    await waitForRun(json, 1, ["succeeded", "failed", "cancelled"], 300_000);
    const run = runForm.parse(await api(json, "/api/runs/1"));
    const aws = (await calls(json)).length - before;
    const wall = (run.endedAt - run.createdAt) / 1000;
    const path = await criticalPath(
      controlUrl(json, "aws", "critical-path"),
      await updateSeconds(json),
      playwrightSeconds(sandbox.dir),
    );
    const overhead = round(wall - path.sum, 2);
    return [
      { what: `launch at ${name}: wall clock`, value: round(wall), unit: "s", note: `${aws} AWS calls` },
      {
        what: `launch at ${name}: the cloud's and Playwright's own`,
        value: round(path.sum),
        unit: "s",
        note: path.words,
      },
      { what: `launch at ${name}: the bot's share`, value: overhead, unit: "s", atMost: LONGEST_OVERHEAD_S },
      ...(ratio === undefined
        ? []
        : [
            {
              what: `launch at ${name}: wall clock over critical path`,
              value: round(wall / path.sum, 3),
              unit: "×",
              atMost: ratio,
            },
          ]),
      { what: `launch at ${name}: AWS calls per second waited`, value: round(aws / path.sum, 2), unit: "/s" },
    ];
  } finally {
    await sandbox.stop();
  }
}

function pick({ pending, sshReady, terminate }: Delays) {
  return { pending, sshReady, terminate };
}

/** One step for the whole update, which says how long the machine itself took for it. */
function withUpdate(config: JsonObject, seconds: number): JsonObject {
  const slots = config.slots as JsonObject;
  const defaults = slots.defaults as JsonObject;
  const answers = (port: string) =>
    `until curl -fsS -o /dev/null http://localhost:${port}; do sleep 0.05; done`;
  const script = [
    "begun=$(date +%s%N)",
    `sleep ${seconds}`,
    'platform config save --ref "$SLIPWAY_SHA"',
    "platform lms start",
    "docker compose up -d",
    answers("8600/heartbeat"),
    answers("8400/"),
    "docker compose exec -T web ./manage.py migrate --noinput",
    answers("3000/"),
    answers("8080/health"),
    'echo "own time $(( ($(date +%s%N) - begun) / 1000000 )) ms"',
  ].join("\n");
  return {
    ...config,
    slots: {
      ...slots,
      defaults: { ...defaults, ssh: { ...(defaults.ssh as JsonObject), readyWithin: "5m" } },
    },
    serviceUpdate: { steps: [{ name: "Update", run: script, timeout: "5m" }] },
  };
}

/** How long the update took on the machine, in seconds, as it said itself. */
async function updateSeconds(json: Parameters<typeof api>[0]): Promise<number> {
  const headers = { authorization: `Bearer ${json.dashboardToken}` };
  const log = await (await fetch(`${json.bot}/api/runs/1/log`, { headers })).text();
  const said = /own time (\d+) ms/.exec(log)?.[1];
  if (said === undefined) throw new Error("The update did not say how long it took.");
  return Number(said) / 1000;
}

async function criticalPath(url: string, update: number, playwright: number) {
  const { instances, targets } = times.parse(await (await fetch(url)).json());
  const [instance] = instances;
  const [target] = targets;
  if (!instance || !target) throw new Error("The cloud knows of no launch.");
  const seconds = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;
  const parts: [string, number][] = [
    ["pending", seconds(instance.pending, instance.running)],
    ["ssh", seconds(instance.running, instance.sshReady)],
    ["update", update],
    ["healthy", seconds(target.registered, target.firstHealthy)],
    ["playwright", playwright],
    // Draining and terminating go side by side.
    [
      "ending",
      Math.max(
        seconds(instance.shuttingDown, instance.terminated),
        seconds(target.deregistered, target.drained),
      ),
    ],
  ];
  const sum = parts.reduce((total, [, part]) => total + part, 0);
  return { sum, words: parts.map(([word, part]) => `${word} ${round(part)}`).join(" + ") };
}

/** Playwright's own time: from its job's begin to its end, as the job's files say. */
function playwrightSeconds(dir: string): number {
  const jobs = join(dir, "slipway.db.jobs", "jobs");
  const spans = readdirSync(jobs).map(
    (job) => statSync(join(jobs, job, "exit")).mtimeMs - statSync(join(jobs, job)).birthtimeMs,
  );
  return Math.max(...spans) / 1000;
}
