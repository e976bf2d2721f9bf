import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runs, slash } from "../sandbox/client.ts";
import { signedHeaders } from "../sandbox/slack/signature.ts";
import { startSandbox } from "../sandbox/supervisor/start.ts";
import { sleep } from "../src/util/clock.ts";
import { median, quantile, type Row, round } from "./numbers.ts";
import { manySlots } from "./slots.ts";

const AT_ONCE = 50;
const ROUNDS = 20;
const LONG = 600_000;

/**
 * How long a slash command waits for its acknowledgement: 50 at once, again and again, while 50 runs are under way,
 * and the same against a bare Bolt app that only acknowledges.
 */
export async function benchAcknowledge(dir: string): Promise<Row[]> {
  const many = manySlots(AT_ONCE, {
    pending: LONG,
    sshReady: 0,
    terminate: 0,
    healthInterval: 5,
    deregistration: 0,
  });
  const sandbox = await startSandbox({ dir: join(dir, "acknowledge"), port: 0, ...many });
  const bare = await startBareBolt(sandbox.json.slack.signingSecret);
  try {
    const { json } = sandbox;
    for (let index = 1; index <= AT_ONCE; index++)
      await slash(json, "developer", `launch bench${index} --tests none`);
    await untilActive(json, AT_ONCE);
    const target = {
      secret: json.slack.signingSecret,
      team: json.slack.team,
      channel: json.slack.channel,
      user: json.slack.user,
    };
    const ours: number[] = [];
    const theirs: number[] = [];
    // In turn, so that both meet the same machine.
    for (let round = 0; round < ROUNDS; round++) {
      theirs.push(...(await burst(`${bare.url}/slack/events`, target)));
      ours.push(...(await burst(`${json.bot}/slack/events`, target)));
    }
    return [
      ...rowsOf("acknowledgement", ours, "50 at once, 50 runs under way"),
      ...rowsOf("bare Bolt app", theirs, "the same requests"),
    ];
  } finally {
    bare.process.kill("SIGKILL");
    await sandbox.stop();
  }
}

function rowsOf(what: string, values: readonly number[], note: string): Row[] {
  return [
    { what: `${what}: median`, value: round(median(values)), unit: "ms", note },
    {
      what: `${what}: p99`,
      value: round(quantile(values, 0.99)),
      unit: "ms",
      note: `${values.length} requests`,
    },
  ];
}

interface Target {
  readonly secret: string;
  readonly team: string;
  readonly channel: string;
  readonly user: string;
}

let trigger = 0;

async function burst(url: string, target: Target): Promise<number[]> {
  const times = await Promise.all(Array.from({ length: AT_ONCE }, () => once(url, target)));
  await sleep(250);
  return times;
}

async function once(url: string, { secret, team, channel, user }: Target): Promise<number> {
  const body = new URLSearchParams({
    team_id: team,
    channel_id: channel,
    user_id: user,
    command: "/stg",
    text: "status",
    trigger_id: `bench.${process.pid}.${trigger++}`,
    api_app_id: "A0BENCH",
    is_enterprise_install: "false",
  }).toString();
  const headers = signedHeaders(secret, body, Date.now());
  const began = performance.now();
  const answer = await fetch(url, { method: "POST", headers, body });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return performance.now() - began;
}

export async function untilActive(json: Parameters<typeof runs>[0], count: number): Promise<void> {
  for (;;) {
    const active = (await runs(json)).filter((run) => run.state === "running" || run.state === "queued");
    if (active.length >= count) return;
    await sleep(200);
  }
}

async function startBareBolt(secret: string): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "bare-bolt.ts")], {
    env: { ...process.env, SIGNING_SECRET: secret },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("http://")) return { url: line, process: child };
  }
  throw new Error("The bare Bolt app did not start.");
}
