import { mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where one browser's run of one attempt keeps its files. */
export interface BrowserFolder {
  readonly root: string;
  /** Playwright's own output: screenshots, traces. It empties this itself. */
  readonly output: string;
  readonly report: string;
  readonly progress: string;
  /** When the run was begun; kept so that a joined run can still tell an older report from its own. */
  readonly begun: string;
}

export function browserFolder(folder: string, browser: string): BrowserFolder {
  const root = join(folder, browser);
  return {
    root,
    output: join(root, "output"),
    report: join(root, "report.json"),
    progress: join(root, "progress.ndjson"),
    begun: join(root, "begun"),
  };
}

/** Empties the folder for a run that is about to begin, so that nothing of an older one can be taken for it. */
export async function freshFolder(folder: BrowserFolder, now: number): Promise<void> {
  await rm(folder.root, { recursive: true, force: true });
  await mkdir(folder.output, { recursive: true });
  await writeFile(folder.begun, String(now));
}

/** When the run was begun; undefined when that cannot be told. */
export async function begunAt(folder: BrowserFolder): Promise<number | undefined> {
  const text = await readIfThere(folder.begun);
  const at = Number(text);
  return text === undefined || text === "" || !Number.isFinite(at) ? undefined : at;
}

/** Larger than the report of ten thousand tests; beyond it something wrote without end. */
const LARGEST_REPORT = 256 * 1024 * 1024;

/** The file's text, or undefined when there is none; a report beyond all measure is as good as none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > LARGEST_REPORT) return undefined;
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads the whole lines that were added to a file since the last call; begins at the file's start. */
export class LineReader {
  readonly #path: string;
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<string[]> {
    const added = await this.#added();
    if (added.length === 0) return [];
    const bytes = Buffer.concat([this.#rest, added]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    this.#rest = bytes.subarray(end);
    return bytes.subarray(0, end).toString("utf8").split("\n").filter(Boolean);
  }

  async #added(): Promise<Buffer> {
    const file = await open(this.#path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (file === undefined) return Buffer.alloc(0);
    try {
      const parts: Buffer[] = [];
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, this.#offset);
        if (bytesRead === 0) return Buffer.concat(parts);
        this.#offset += bytesRead;
        parts.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }
}
