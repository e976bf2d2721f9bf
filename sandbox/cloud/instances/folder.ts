import { chmod, copyFile, mkdir, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Programs that every machine has: sudo, curl, shutdown and others that must never act on the host. */
const COMMON_PROGRAMS = fileURLToPath(new URL("./programs", import.meta.url));

/**
 * Where a path of the machine lies on the host. `..` cannot climb out: the path is cut at the machine's root.
 */
export function onDisk(root: string, path: string): string {
  if (path === root || path.startsWith(root + sep)) {
    return join(root, posix.normalize(`/${path.slice(root.length)}`));
  }
  return join(root, posix.normalize(`/${path}`));
}

/** Throws when the path's real place (after symbolic links) is not under the root. */
export async function assertInside(root: string, path: string): Promise<void> {
  const base = await realpath(root);
  let existing = path;
  for (;;) {
    const real = await realpath(existing).catch(() => undefined);
    if (real !== undefined) {
      if (real === base || real.startsWith(base + sep)) return;
      throw new Error(`${path} leads out of the machine's disk`);
    }
    existing = dirname(existing);
  }
}

/**
 * Makes the folders and programs that a machine has before it boots. Existing content stays (a baked
 * image's).
 */
export async function layOut(root: string, home: string, programFolders: readonly string[]): Promise<void> {
  if (!isAbsolute(root)) throw new Error(`The machine's folder must be an absolute path: ${root}`);
  await rm(join(root, "run"), { recursive: true, force: true });
  const folders = [home, ...["bin", "etc/systemd/system", "opt", "run", "var/log"].map((f) => join(root, f))];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  for (const folder of [COMMON_PROGRAMS, ...programFolders]) await installPrograms(folder, join(root, "bin"));
}

async function installPrograms(from: string, into: string): Promise<void> {
  if (from === "") return;
  for (const name of await readdir(from)) {
    await copyFile(join(from, name), join(into, name));
    await chmod(join(into, name), 0o755);
  }
}

/** What cloud-init leaves on the disk about the instance itself, at every boot. */
export async function writeInstanceData(root: string, instanceId: string): Promise<void> {
  const data = join(root, "var/lib/cloud/data");
  await mkdir(data, { recursive: true });
  await mkdir(join(root, "var/lib/cloud/instances", instanceId), { recursive: true });
  await writeFile(join(data, "instance-id"), `${instanceId}\n`);
  // /run is empty at every boot, so this one is never an earlier machine's, not even on a baked image.
  const run = join(root, "run/cloud-init");
  await mkdir(run, { recursive: true });
  await writeFile(join(run, ".instance-id"), `${instanceId}\n`);
  const link = join(root, "var/lib/cloud/instance");
  await rm(link, { recursive: true, force: true });
  await symlink(join("instances", instanceId), link);
}
