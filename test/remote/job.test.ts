import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  JobLostError,
  type JobSpec,
  JobStoppedError,
  jobId,
  localExec,
  startOrJoin,
  stopJob,
} from "../../src/remote/index.ts";
import { folder } from "./support/folder.ts";
import { processesWith } from "./support/sshd.ts";
import { MACHINES } from "./support/transports.ts";
import { until } from "./support/wait.ts";

let number = 0;
const spec = (script: string, more: Partial<JobSpec> = {}): JobSpec => ({
  id: jobId(`run of process ${process.pid}`, "step", ++number),
  script,
  timeoutMs: 60_000,
  ...more,
});

describe.each(MACHINES)("a job on %s", (_, machine) => {
  it("runs with its variables and tells how it ended", async () => {
    const { transport } = await machine();
    const env = { A: "it's\n$two", LC_ALL: "C.UTF-8" };
    const job = await startOrJoin(transport, spec('printf "%s\\n" "$A"; echo err >&2; exit 4', { env }));
    const lines: string[] = [];
    const result = await job.follow({ onLine: (line) => lines.push(line) });
    expect(lines).toEqual(["it's", "$two", "err"]);
    expect(result).toEqual({
      exitCode: 4,
      signal: null,
      timedOut: false,
      stopped: false,
      diskFull: false,
      tail: lines,
    });
  });

  it("ends at the first command that fails, with an ordinary umask and in the given folder", async () => {
    const { transport } = await machine();
    const job = await startOrJoin(transport, spec("umask; pwd\nfalse\necho reached", { directory: "/usr" }));
    expect(await job.follow()).toMatchObject({ exitCode: 1, tail: ["0022", "/usr"] });
  });

  it("is started once however often it is asked for, at the same time too", async () => {
    const { transport, jobs } = await machine();
    const mark = join(jobs, "mark");
    const one = spec(`echo once >> ${mark}; sleep 0.3; echo end`);
    const handles = await Promise.all([1, 2, 3, 4].map(() => startOrJoin(transport, one)));
    expect(handles.filter((handle) => handle.begun === "started").length).toBe(1);
    const results = await Promise.all(handles.map((handle) => handle.follow()));
    expect(results.map((result) => result.tail)).toEqual([["end"], ["end"], ["end"], ["end"]]);
    const again = await startOrJoin(transport, one);
    expect([again.begun, (await again.follow()).exitCode]).toEqual(["joined", 0]);
    expect(readFileSync(mark, "utf8")).toBe("once\n");
    // Another attempt has another id, and runs: the mark would show a second start.
    await (await startOrJoin(transport, { ...one, id: jobId("u", "other", ++number) })).follow();
    expect(readFileSync(mark, "utf8")).toBe("once\nonce\n");
  });

  it("passes lines on while it runs", async () => {
    const { transport, jobs } = await machine();
    const gate = join(jobs, "gate");
    const job = await startOrJoin(
      transport,
      spec(`echo first; until [ -e ${gate} ]; do sleep 0.05; done; echo last`),
    );
    const lines: string[] = [];
    // The job cannot end before its first line has arrived here.
    const result = await job.follow({
      onLine: (line) => {
        lines.push(line);
        writeFileSync(gate, "");
      },
    });
    expect([lines, result.exitCode]).toEqual([["first", "last"], 0]);
  });

  it("follows on from an offset", async () => {
    const { transport } = await machine();
    const job = await startOrJoin(transport, spec("echo one; echo 'zwei €'; echo three"));
    const offsets: number[] = [];
    await job.follow({ onLine: (_line, next) => offsets.push(next) });
    expect((await job.follow({ from: offsets[0] ?? -1 })).tail).toEqual(["zwei €", "three"]);
    expect((await job.follow({ from: offsets[2] ?? -1 })).tail).toEqual([]);
  });

  it("is ended when its time is over, with all that it started", async () => {
    const { transport } = await machine();
    const sleeper = 5000 + ++number;
    const script = `sleep ${sleeper} & (trap '' TERM; sleep ${sleeper}; sleep ${sleeper}) & echo up; wait`;
    const job = await startOrJoin(transport, spec(script, { timeoutMs: 2_000 }));
    const result = await job.follow();
    expect(result).toMatchObject({ timedOut: true, stopped: false });
    expect(result.tail[0]).toBe("up");
    expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
  });

  it("stop ends children, grandchildren and who made a session of his own; twice is once", async () => {
    const { transport } = await machine();
    const sleeper = 6000 + ++number;
    const script = `sleep ${sleeper} & setsid sleep ${sleeper} & sh -c 'sleep ${sleeper} & wait' & wait`;
    const job = await startOrJoin(transport, spec(script));
    await until("it runs", () => processesWith(`sleep\0${sleeper}`).length === 3);
    expect(await job.isGone()).toBe(false);
    expect(await job.stop()).toMatchObject({ state: "exited", exit: { stopped: true } });
    expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
    expect(await job.isGone()).toBe(true);
    expect(await job.stop()).toMatchObject({ state: "exited", exit: { stopped: true } });
    expect(await job.follow()).toMatchObject({ stopped: true });
  });

  it("stop leaves alone what a job that has ended left running", async () => {
    const { transport } = await machine();
    const sleeper = 6500 + ++number;
    const job = await startOrJoin(transport, spec(`sleep ${sleeper} >/dev/null 2>&1 & echo started`));
    expect((await job.follow()).exitCode).toBe(0);
    await job.stop();
    const left = processesWith(`sleep\0${sleeper}`);
    for (const pid of left) process.kill(pid, "SIGKILL");
    expect(left.length).toBe(1);
  });

  it("stop keeps a job that never began from beginning", async () => {
    const { transport, jobs } = await machine();
    const one = spec(`touch ${join(jobs, "reached")}`);
    expect(await stopJob(transport, one.id)).toEqual({ state: "stopped" });
    expect(await stopJob(transport, one.id)).toEqual({ state: "stopped" });
    await expect(startOrJoin(transport, one)).rejects.toThrow(JobStoppedError);
    expect(existsSync(join(jobs, "reached"))).toBe(false);
    await (await startOrJoin(transport, { ...one, id: jobId("u", "free", ++number) })).follow();
    expect(existsSync(join(jobs, "reached"))).toBe(true);
  });

  it("of start and stop at the same time one wins, and nothing runs after", async () => {
    const { transport } = await machine();
    for (let round = 0; round < 8; round++) {
      const sleeper = 7000 + ++number;
      const one = spec(`sleep ${sleeper}`);
      const [started] = await Promise.allSettled([startOrJoin(transport, one), stopJob(transport, one.id)]);
      if (started.status === "rejected") expect(started.reason).toBeInstanceOf(JobStoppedError);
      expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
      expect((await stopJob(transport, one.id)).state).not.toBe("running");
    }
  });

  it("whose processes were killed is lost, said so, and not begun again", async () => {
    const { transport, jobs } = await machine();
    const one = spec(`echo begun >> ${join(jobs, "begun")}; sleep 30`);
    const job = await startOrJoin(transport, one);
    await until("it runs", () => existsSync(join(jobs, "begun")));
    const status = readFileSync(join(jobs, one.id, "status"), "utf8").split(" ");
    for (const pid of [status[1], status[3]]) process.kill(Number(pid), "SIGKILL");
    for (const pid of processesWith(`SLIPWAY_JOB=${one.id}`, "environ")) process.kill(pid, "SIGKILL");
    await expect(job.follow()).rejects.toThrow(JobLostError);
    await expect(startOrJoin(transport, one)).rejects.toThrow(/left no exit code/);
    expect(readFileSync(join(jobs, "begun"), "utf8")).toBe("begun\n");
    expect(await job.isGone()).toBe(true);
  });

  it("of another boot is lost, and one whose process number went to somebody else", async () => {
    const { transport, jobs } = await machine();
    const one = spec("sleep 30");
    const job = await startOrJoin(transport, one);
    const file = join(jobs, one.id, "status");
    await until("noted", () => readFileSync(file, "utf8").trim().split(" ").length === 6);
    const status = readFileSync(file, "utf8");
    const [, supervisor = "", start = "", child = "", childStart = ""] = status.split(" ");
    writeFileSync(file, status.replace(/^\S+/, "00000000-0000-0000-0000-000000000000"));
    expect(await job.state()).toEqual({ state: "lost", why: "boot" });
    writeFileSync(
      file,
      status.replace(`${supervisor} ${start} ${child} ${childStart}`, `${supervisor} 1 ${child} 1`),
    );
    expect(await job.state()).toEqual({ state: "lost", why: "gone" });
    writeFileSync(file, status);
    expect(await job.state()).toEqual({ state: "running" });
    await job.stop();
  });

  it("whose folder is there without a status is lost, not begun", async () => {
    const { transport, jobs } = await machine();
    const one = spec(`touch ${join(jobs, "reached")}`);
    mkdirSync(join(jobs, one.id), { recursive: true });
    await expect(startOrJoin(transport, one)).rejects.toThrow(/never said that it runs/);
    expect(existsSync(join(jobs, "reached"))).toBe(false);
    rmSync(join(jobs, one.id), { recursive: true });
    expect((await (await startOrJoin(transport, one)).follow()).exitCode).toBe(0);
  });

  it("is not begun again once its folder was emptied, and leaves no process", async () => {
    const { transport, jobs } = await machine();
    const one = spec("echo out; exit 3");
    const job = await startOrJoin(transport, one);
    await job.follow();
    expect(await job.clean()).toBe(true);
    expect(readdirSync(join(jobs, one.id)).sort()).toEqual(["ended", "exit", "status"]);
    const again = await startOrJoin(transport, one);
    expect(await again.follow()).toMatchObject({ exitCode: 3, tail: [] });
    await until("nothing is left", () => processesWith(one.id, "environ").length === 0);
  });

  it("carries progress bars, binary output, long lines and much output", async () => {
    const { transport } = await machine();
    const script = [
      "printf '10%%\\r20%%\\rdone\\n'",
      "head -c 3000 /dev/urandom; echo",
      "head -c 100000 /dev/zero | tr '\\0' x; echo",
      "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done",
    ].join("\n");
    const job = await startOrJoin(transport, spec(script));
    const lines: string[] = [];
    await job.follow({ onLine: (line) => lines.push(line) });
    expect(lines[0]).toBe("done");
    expect(lines.some((line) => line.endsWith("bytes cut]"))).toBe(true);
    const numbered = lines.filter((line) => line.startsWith("line "));
    expect(numbered).toEqual(Array.from({ length: 20_000 }, (_, index) => `line ${index}`));
  });
});

it("an abort ends the following, not the job", async () => {
  const [, machine] = MACHINES[0] ?? [];
  const { transport } = (await machine?.()) ?? { transport: undefined };
  if (transport === undefined) throw new Error("no machine");
  const gate = join(folder(), "gate");
  const job = await startOrJoin(transport, spec(`until [ -e ${gate} ]; do sleep 0.05; done; echo end`));
  const controller = new AbortController();
  const following = job.follow({ signal: controller.signal });
  setTimeout(() => controller.abort(new Error("shutting down")), 100);
  await expect(following).rejects.toThrow("shutting down");
  expect(await job.state()).toEqual({ state: "running" });
  writeFileSync(gate, "");
  expect((await job.follow()).tail).toEqual(["end"]);
});

it("works in a folder with an awkward name", async () => {
  const base = join(folder(), "it's a $HOME; folder");
  const transport = localExec(base);
  const job = await startOrJoin(transport, spec("pwd; echo out", { directory: base }));
  expect((await job.follow()).tail).toEqual([base, "out"]);
  expect((await (await startOrJoin(transport, spec("sleep 40"))).stop()).state).toBe("exited");
  expect(await job.clean()).toBe(true);
});
