import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { calls, runs, slash } from "../sandbox/client.ts";
import { startSandbox } from "../sandbox/supervisor/start.ts";
import { sleep } from "../src/util/clock.ts";
import { untilActive } from "./acknowledge.ts";
import { type Row, round } from "./numbers.ts";
import { manySlots } from "./slots.ts";

const WATCH_S = 20;
const TICKS_PER_SECOND = 100;

/** Memory and CPU of the bot while 200 runs wait for their instances. */
export async function benchMemory(dir: string): Promise<Row[]> {
  const count = 200;
  const many = manySlots(count, {
    pending: 600_000,
    sshReady: 0,
    terminate: 0,
    healthInterval: 5,
    deregistration: 0,
  });
  const sandbox = await startSandbox({ dir: join(dir, "memory"), port: 0, ...many });
  try {
    const { json } = sandbox;
    const pid = botProcess(json.pids.bot ?? 0);
    const idle = processUse(pid);
    for (let index = 1; index <= count; index++)
      await slash(json, "developer", `launch bench${index} --tests none`);
    await untilActive(json, count);
    await sleep(5_000);
    const [before, callsBefore] = [processUse(pid), (await calls(json)).length];
    await sleep(WATCH_S * 1_000);
    const [after, callsAfter] = [processUse(pid), (await calls(json)).length];
    return [
      { what: "bot's memory, idle", value: round(idle.megabytes, 0), unit: "MB" },
      { what: "bot's memory, 200 runs under way", value: round(after.megabytes, 0), unit: "MB" },
      {
        what: "bot's CPU, 200 runs waiting",
        value: round(((after.cpuSeconds - before.cpuSeconds) / WATCH_S) * 100),
        unit: "% of a core",
      },
      {
        what: "AWS calls while 200 runs wait",
        value: round((callsAfter - callsBefore) / WATCH_S, 2),
        unit: "/s",
      },
    ];
  } finally {
    await sandbox.stop();
  }
}

/** AWS calls of whole launches (real SSH, no tests), one alone and fifty at once. */
export async function benchCalls(dir: string): Promise<Row[]> {
  return [...(await callsOf(dir, 1)), ...(await callsOf(dir, 50))];
}

async function callsOf(dir: string, count: number): Promise<Row[]> {
  const many = manySlots(count, {
    pending: 10_000,
    sshReady: 2_000,
    terminate: 5_000,
    healthInterval: 5,
    deregistration: 2,
  });
  const sandbox = await startSandbox({
    dir: join(dir, `calls-${count}`),
    port: 0,
    cloud: many.cloud,
    config: (config) => ({
      ...many.config(config),
      serviceUpdate: { steps: [{ name: "Touch", run: "touch updated" }] },
    }),
  });
  try {
    const { json } = sandbox;
    const began = Date.now();
    for (let index = 1; index <= count; index++)
      await slash(json, "developer", `launch bench${index} --tests none`);
    for (;;) {
      const ended = (await runs(json)).filter((run) =>
        ["succeeded", "failed", "cancelled"].includes(run.state),
      );
      if (ended.some((run) => run.state !== "succeeded"))
        throw new Error("A launch of the benchmark did not succeed.");
      if (ended.length >= count) break;
      await sleep(250);
    }
    const seconds = (Date.now() - began) / 1000;
    const all = await calls(json);
    const asking = all.filter((call) => /:Describe/.test(call.action)).length;
    return [
      {
        what: `AWS calls per launch, ${count} at once`,
        value: round(all.length / count, 1),
        unit: "calls",
        note: `${asking} of ${all.length} only look`,
      },
      {
        what: `AWS calls per second waited, ${count} at once`,
        value: round(all.length / seconds, 2),
        unit: "/s",
        note: `${round(seconds)} s in all`,
      },
    ];
  } finally {
    await sandbox.stop();
  }
}

/** npm and the launcher stand above the bot's own process: the one of the group with the most memory is meant. */
function botProcess(group: number): number {
  const members = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => groupOf(pid) === group);
  return members.reduce(
    (most, pid) => (processUse(pid).megabytes > processUse(most).megabytes ? pid : most),
    group,
  );
}

function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

function groupOf(pid: number): number {
  return Number(statOf(pid)[2]);
}

function processUse(pid: number): { megabytes: number; cpuSeconds: number } {
  const stat = statOf(pid);
  return {
    megabytes: (Number(stat[21] ?? 0) * 4096) / 1e6,
    cpuSeconds: (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) / TICKS_PER_SECOND,
  };
}
