import { constants } from "node:fs";
import { copyFile, lstat, mkdir, open, realpath } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { messageOf } from "../util/errors.ts";
import type { TestFailure, TestReport } from "./words.ts";

/** Slack and GitHub take no larger picture gladly; a trace is for a person with the bot's disk. */
const LARGEST_SCREENSHOT = 10 * 1024 * 1024;
const LARGEST_TRACE = 100 * 1024 * 1024;

const PICTURES: readonly { extension: string; begins: Buffer }[] = [
  { extension: ".png", begins: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  { extension: ".jpg", begins: Buffer.from([0xff, 0xd8, 0xff]) },
];

export interface RefusedArtifact {
  readonly path: string;
  readonly reason: string;
}

/**
 * Copies the failures' screenshots and traces out of a browser's output folder into the artifacts folder, under
 * names of our own. The report is the suite's word: a path that leads out of the output folder, a symbolic link
 * and a file that is no picture are refused, so that no suite has the bot publish another file.
 * @returns the report with the copies' paths and sizes; what was refused is left out and told
 */
export async function collectArtifacts(
  report: TestReport,
  folders: { readonly output: string; readonly artifacts: string },
): Promise<{ report: TestReport; refused: RefusedArtifact[] }> {
  const refused: RefusedArtifact[] = [];
  const failures: TestFailure[] = [];
  for (const [index, failure] of report.failures.entries()) {
    const { screenshot, trace, ...rest } = failure;
    const base = `${fileWord(report.browser)}-${String(index + 1).padStart(3, "0")}-${fileWord(failure.title)}`;
    const take = async (path: string | undefined, kind: "screenshot" | "trace") => {
      if (path === undefined) return undefined;
      try {
        return await collect(path, kind, join(folders.artifacts, base), folders);
      } catch (error) {
        refused.push({ path, reason: messageOf(error) });
        return undefined;
      }
    };
    const picture = await take(screenshot?.path, "screenshot");
    const recording = await take(trace, "trace");
    failures.push({
      ...rest,
      ...(picture === undefined ? {} : { screenshot: picture }),
      ...(recording === undefined ? {} : { trace: recording.path }),
    });
  }
  return { report: { ...report, failures }, refused };
}

async function collect(
  path: string,
  kind: "screenshot" | "trace",
  target: string,
  folders: { readonly output: string; readonly artifacts: string },
): Promise<{ path: string; bytes: number }> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) throw new Error("it is a symbolic link");
  if (!found.isFile()) throw new Error("it is no ordinary file");
  if (found.nlink > 1) throw new Error("it is a hard link");
  const inside = relative(await realpath(folders.output), await realpath(path));
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || inside.startsWith(sep)) {
    throw new Error("it lies outside the output folder");
  }
  const largest = kind === "screenshot" ? LARGEST_SCREENSHOT : LARGEST_TRACE;
  if (found.size > largest) throw new Error(`it is larger than ${largest / 1024 / 1024} MiB`);
  const extension =
    kind === "screenshot" ? await pictureExtension(path) : extname(path) === ".zip" ? ".zip" : "";
  if (extension === "") throw new Error(kind === "screenshot" ? "it is no PNG or JPEG" : "it is no .zip");
  await mkdir(folders.artifacts, { recursive: true });
  await copyFile(path, `${target}${extension}`);
  return { path: `${target}${extension}`, bytes: found.size };
}

async function pictureExtension(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 0);
    const kind = PICTURES.find(({ begins }) => buffer.subarray(0, begins.length).equals(begins));
    return kind?.extension ?? "";
  } finally {
    await file.close();
  }
}

/** A title as part of a file name: nothing that a shell, a URL or a file system reads. */
function fileWord(title: string): string {
  const word = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return word || "test";
}
