import { type ChildProcess, spawn } from "node:child_process";

/**
 * A full disk for one machine: its home folder becomes a small file system of its own, where a `write` past
 * the end fails with ENOSPC because there really is no space. The mount lives in a mount namespace that one
 * sleeping process holds; the machine's commands join it. So nothing is left mounted on the host when that
 * process dies, whatever kills the cloud. Without root it needs user namespaces (Linux's default, some
 * distributions restrict them).
 */
export class SmallDisk {
  readonly #holder: ChildProcess;
  readonly pid: number;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  /** Throws when this machine's kernel does not let us make a file system. */
  static async make(home: string, freeKiB: number, environment: Record<string, string>): Promise<SmallDisk> {
    const used = await folderKiB(home, environment);
    const size = String(used + freeKiB + SLACK_KIB);
    const holder = spawn(
      "unshare",
      [...namespaces(), "/bin/sh", "-c", HOLDER, "sh", home, size, String(freeKiB)],
      {
        env: environment,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      },
    );
    const pid = await new Promise<number>((resolve, reject) => {
      let output = "";
      let errors = "";
      holder.stdout?.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes("ready")) resolve(holder.pid ?? -1);
      });
      holder.stderr?.on("data", (chunk: Buffer) => {
        errors += chunk.toString();
      });
      holder.once("error", reject);
      holder.once("exit", () => reject(new Error(`No small file system can be made here: ${errors.trim()}`)));
    });
    return new SmallDisk(holder, pid);
  }

  /** The program and words that run `words` where the small disk is mounted. */
  enter(words: readonly string[]): [string, string[]] {
    const join = process.getuid?.() === 0 ? ["-m"] : ["-U", "-m", "--preserve-credentials"];
    return [
      "nsenter",
      ["-t", String(this.pid), ...join, "--", "/bin/sh", "-c", 'cd "$HOME"; exec "$@"', "sh", ...words],
    ];
  }

  remove(): void {
    this.#holder.kill("SIGKILL");
  }
}

/** The filler takes at least this much, so that there is something to give back. */
const SLACK_KIB = 256;

/**
 * Mounts over the folder, keeps its content, fills the file system to the last page and gives back what is to
 * be free, then waits for its end. The last line is one process: `exec`.
 */
const HOLDER = `set -e
mount -t tmpfs -o size="$2"k,mode=0755 none /mnt
cp -a "$1/." /mnt/
cat /dev/zero > /mnt/.filler 2>/dev/null || true
truncate -s -"$3"K /mnt/.filler
mount --bind /mnt "$1"
echo ready
exec sleep 2147483647`;

function namespaces(): string[] {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  return [...user, "--mount", "--propagation", "private"];
}

async function folderKiB(folder: string, environment: Record<string, string>): Promise<number> {
  const child = spawn("du", ["-sk", folder], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  return Number.parseInt(output, 10) || 0;
}
