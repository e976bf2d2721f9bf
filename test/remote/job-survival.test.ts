import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import {
  createHost,
  jobHandle,
  jobId,
  localExec,
  type Outage,
  type RemoteError,
  startOrJoin,
} from "../../src/remote/index.ts";
import { folder } from "./support/folder.ts";
import { startServer } from "./support/server.ts";
import { childrenOf, processesWith, startSshd } from "./support/sshd.ts";
import { hostOn } from "./support/transports.ts";
import { until } from "./support/wait.ts";

const INDEX = new URL("../../src/remote/index.ts", import.meta.url).pathname;
const COUNT = 'i=0; while [ $i -lt 120 ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done; echo end';
const COUNTED = [...Array.from({ length: 120 }, (_, index) => `line ${index}`), "end"];

/** A process of its own, leader of its group, that starts a job on the local machine and follows it. */
function startBot(base: string, id: string, script: string) {
  const program = `
    import { localExec, startOrJoin } from ${JSON.stringify(INDEX)};
    const [base, id, script] = process.argv.slice(-3);
    const job = await startOrJoin(localExec(base), { id, script, timeoutMs: 60000 });
    await job.follow({ onLine: (line) => console.log(line) });
  `;
  const file = join(base, "bot.mjs");
  writeFileSync(file, program);
  return spawn(process.execPath, [file, base, id, script], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

it("survives SIGKILL of the bot's process group and is joined from another process", async () => {
  const base = folder();
  const id = jobId("crash", "step", 1);
  const bot = startBot(base, id, `echo "begun" >> ${base}/begun; ${COUNT}`);
  await new Promise<void>((resolve) => bot.stdout.once("data", () => resolve()));
  process.kill(-(bot.pid ?? 0), "SIGKILL");
  await new Promise((resolve) => bot.once("close", resolve));
  const lines: string[] = [];
  const job = await startOrJoin(localExec(base), { id, script: "echo must not run", timeoutMs: 60_000 });
  const result = await job.follow({ onLine: (line) => lines.push(line) });
  expect([job.begun, result.exitCode, lines]).toEqual(["joined", 0, COUNTED]);
  expect(readFileSync(join(base, "begun"), "utf8")).toBe("begun\n");
});

it("an ordinary child would not survive that: the kill is a real one", async () => {
  const base = folder();
  const file = join(base, "plain.mjs");
  writeFileSync(
    file,
    `import { spawn } from "node:child_process"; spawn("sleep", ["8123"]); setInterval(() => console.log("."), 50);`,
  );
  const bot = spawn(process.execPath, [file], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve) => bot.stdout.once("data", () => resolve()));
  expect(processesWith("sleep\x008123").length).toBe(1);
  process.kill(-(bot.pid ?? 0), "SIGKILL");
  await until("it is gone", () => processesWith("sleep\x008123").length === 0);
});

it("no line is lost or repeated when the connection is cut again and again", async () => {
  const server = await startServer();
  const host = hostOn(server);
  const job = await startOrJoin(host, { id: jobId("cut", "step", 1), script: COUNT, timeoutMs: 60_000 });
  const lines: string[] = [];
  let cuts = 0;
  const result = await job.follow({
    onLine: (line) => {
      lines.push(line);
      if (lines.length % 20 === 0) {
        cuts++;
        server.cut();
      }
    },
  });
  expect([result.exitCode, lines]).toEqual([0, COUNTED]);
  expect(cuts).toBe(6);
  // The cuts were real: the follower had to be sent again (two cuts may hit the same one).
  expect(server.commands.length).toBeGreaterThan(4);
});

/** A server on whose way back the last words of so many followers are lost, or all but their first half. */
function losing(times: number, keep: (piece: string) => string) {
  const lost: string[] = [];
  return {
    lost,
    onError: (piece: string) => {
      if (!piece.includes("slipway-job") || lost.length >= times) return piece;
      lost.push(piece);
      return keep(piece);
    },
  };
}

it.each([
  ["lost", () => ""],
  ["cut off", (piece: string) => piece.slice(0, piece.indexOf(" exited") + 4)],
])(
  "a follower whose last word is %s is followed by another, from the byte where it stopped",
  async (_, keep) => {
    const { lost, onError } = losing(2, keep);
    const host = hostOn(await startServer({ onError }));
    const job = await startOrJoin(host, {
      id: jobId("silent", "step", 1),
      script: "echo one; echo two; exit 7",
      timeoutMs: 60_000,
    });
    const lines: string[] = [];
    const result = await job.follow({ onLine: (line) => lines.push(line) });
    expect([result.exitCode, lines, result.tail]).toEqual([7, ["one", "two"], ["one", "two"]]);
    expect(lost.length).toBe(2);
  },
);

it("a machine whose followers never say anything is given up, and named", async () => {
  const { lost, onError } = losing(Number.POSITIVE_INFINITY, () => "");
  const host = hostOn(await startServer({ onError }));
  const job = await startOrJoin(host, {
    id: jobId("silent", "step", 2),
    script: "echo one",
    timeoutMs: 60_000,
  });
  const error = await job.follow().catch((fault: RemoteError) => fault);
  expect(error).toMatchObject({ code: "remote_shell_failed" });
  expect((error as RemoteError).message).toContain("does not say how job");
  expect(lost.length).toBe(5);
});

it("goes on after sshd's process was killed, and after it was frozen", async () => {
  const sshd = await startSshd();
  const lost: string[] = [];
  const host = hostOn(sshd, {
    keepaliveIntervalMs: 100,
    keepaliveCountMax: 3,
    onLost: (fault) => lost.push(fault.code),
  });
  const script = `${COUNT}; while [ ! -e ${sshd.home}/gate ]; do sleep 0.05; done; echo after`;
  const job = await startOrJoin(host, { id: jobId("freeze", "step", 1), script, timeoutMs: 60_000 });
  const lines: string[] = [];
  const following = job.follow({ onLine: (line) => lines.push(line) });
  await until("it runs", () => lines.length > 10);
  for (const pid of sshd.connections()) process.kill(pid, "SIGKILL");
  await until("joined again", () => lines.length > 60);
  const frozen = sshd.connections().flatMap((pid) => [pid, ...childrenOf(pid)]);
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  onTestFinished(() => {
    for (const pid of frozen.filter((one) => existsSync(`/proc/${one}`))) process.kill(pid, "SIGKILL");
  });
  await until("all counted", () => lines.length >= COUNTED.length);
  writeFileSync(join(sshd.home, "gate"), "");
  const result = await following;
  expect(lines).toEqual([...COUNTED, "after"]);
  expect(lost).toContain("ssh_connection_lost");
  expect(lost).toContain("ssh_half_open");
  expect(result.exitCode).toBe(0);
});

it("finds the host at a new address, after asking whether the rule lets us in", async () => {
  const first = await startServer();
  let target = first.target;
  const faults: string[] = [];
  const host = createHost(async () => target, {
    signal: new AbortController().signal,
    jobRoot: join(folder(), "jobs"),
    onReconnect: async ({ fault }) => {
      faults.push(fault.code);
      const second = await startServer();
      target = second.target;
    },
  });
  onTestFinished(() => host.close());
  const told: string[] = [];
  host.watch((outage) => told.push(outage?.fault.code ?? "found"));
  const job = await startOrJoin(host, { id: jobId("move", "step", 1), script: COUNT, timeoutMs: 60_000 });
  const lines: string[] = [];
  await job.follow({
    onLine: (line) => {
      lines.push(line);
      if (lines.length === 30) first.close();
    },
  });
  expect(told).toEqual(["ssh_connection_lost", "found"]);
  expect([lines, faults]).toEqual([COUNTED, ["ssh_unreachable"]]);
});

it("gives a host up that does not come back, and says how it was lost and how the last try went", async () => {
  const server = await startServer();
  const host = hostOn(server, { reconnectWithinMs: 600 });
  const told: (Outage | null)[] = [];
  host.watch((outage) => told.push(outage));
  const job = await startOrJoin(host, {
    id: jobId("gone", "step", 1),
    script: "sleep 20",
    timeoutMs: 60_000,
  });
  const following = job.follow();
  following.catch(() => {});
  server.close();
  const fault = await following.catch((error: RemoteError) => error);
  expect(fault).toMatchObject({
    code: "ssh_connection_lost",
    message: expect.stringMatching(
      /was lost: .*could not be connected to again within 1s: connection refused/,
    ),
    fields: { gaveUp: true },
  });
  expect(told.map((outage) => outage?.fault.code ?? null)).toEqual(["ssh_connection_lost"]);
  for (const pid of processesWith(`SLIPWAY_JOB=${jobId("gone", "step", 1)}`, "environ"))
    process.kill(pid, "SIGKILL");
});

it("more commands at once than one connection carries open a second one", async () => {
  const sshd = await startSshd({ config: ["MaxSessions 8"] });
  const host = hostOn(sshd);
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) => host.exec(`sleep 0.3; echo ${index}`)),
  );
  expect(all.map((result) => result.stdout.toString().trim())).toEqual(
    Array.from({ length: 20 }, (_, index) => String(index)),
  );
  expect(sshd.connections().length).toBeGreaterThan(1);
});

it("finds a job again by its id alone", async () => {
  const transport = localExec(folder());
  const id = jobId("by id", "step", 1);
  await startOrJoin(transport, { id, script: "echo here", timeoutMs: 10_000 });
  expect((await jobHandle(transport, id).follow()).tail).toEqual(["here"]);
  expect(id).toBe(jobId("by id", "step", 1));
  expect(
    new Set([id, jobId("by id", "step", 2), jobId("by id", "other", 1), jobId("x", "step", 1)]).size,
  ).toBe(4);
});
