import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { jobId, localExec, type RemoteError, startOrJoin } from "../../src/remote/index.ts";
import { folder } from "./support/folder.ts";

/** A disk of 1 MB where we may mount one; elsewhere a file-size limit stands for it (see `script`). */
const MAY_MOUNT = process.getuid?.() === 0 && mounts();

function mounts(): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"], { stdio: "pipe" });
    execFileSync("umount", ["/mnt"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

function smallDisk(): string {
  const path = join(folder(), "disk");
  mkdirSync(path);
  if (MAY_MOUNT) {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
    onTestFinished(() => void execFileSync("umount", ["-l", path]));
  }
  return path;
}

const script = MAY_MOUNT
  ? "echo begun; yes 'much output' | head -c 4000000; echo reached"
  : "ulimit -f 100; echo begun; head -c 4000000 /dev/zero > big; echo reached";

it("a disk that fills up in the middle of a job is named, and how the job ended is known", async () => {
  const disk = smallDisk();
  const transport = { ...localExec(folder()), root: join(disk, "jobs") };
  const job = await startOrJoin(transport, { id: jobId("full", "step", 1), script, timeoutMs: 20_000 });
  const result = await job.follow();
  expect(result.exitCode).not.toBe(0);
  expect(result.diskFull).toBe(true);
  expect(await job.state()).toMatchObject({ state: "exited" });
});

it("a job with room enough says nothing of the kind", async () => {
  const transport = { ...localExec(folder()), root: join(smallDisk(), "jobs") };
  const spec = { id: jobId("room", "step", 1), script: "echo little; exit 1", timeoutMs: 20_000 };
  expect(await (await startOrJoin(transport, spec)).follow()).toMatchObject({ exitCode: 1, diskFull: false });
});

const fullDisk = () =>
  it("a full disk refuses a job, leaves nothing of it, and takes it once there is room", async () => {
    const disk = smallDisk();
    const transport = { ...localExec(folder()), root: join(disk, "jobs") };
    mkdirSync(transport.root);
    const filler = join(disk, "filler");
    try {
      writeFileSync(filler, Buffer.alloc(2_000_000));
    } catch {
      // Full, as it should be.
    }
    const spec = { id: jobId("refused", "step", 1), script: "echo ran", timeoutMs: 20_000 };
    const fault = await startOrJoin(transport, spec).catch((error: RemoteError) => error);
    expect(fault).toMatchObject({ code: "remote_disk_full" });
    expect(readdirSync(transport.root)).toEqual([]);
    rmSync(filler);
    expect((await (await startOrJoin(transport, spec)).follow()).tail).toEqual(["ran"]);
  });

// Without a small disk of our own there is nothing to fill.
if (MAY_MOUNT) fullDisk();
