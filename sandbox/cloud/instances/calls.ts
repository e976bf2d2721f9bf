import { constants, type FSWatcher, watch } from "node:fs";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProgramCall } from "./application.ts";

/** How long a caller may take from writing its request to opening the pipe that the answer comes through. */
const OPEN_TRIES = 500;
const OPEN_PAUSE_MS = 10;
const HEARTBEAT_MS = 500;

export type CallHandler = (call: ProgramCall) => Promise<number>;

/**
 * The desk at which programs on the machine ask its services for something (see programs/service-call): a
 * request is a file that appears by rename, the answer goes line by line through a named pipe. No process per
 * service is needed, and a program costs one small shell.
 */
export class CallDesk {
  readonly #folder: string;
  readonly #handler: CallHandler;
  readonly #taken = new Set<string>();
  readonly #stopped = new AbortController();
  #watcher: FSWatcher | undefined;

  constructor(root: string, handler: CallHandler) {
    this.#folder = join(root, "run/services");
    this.#handler = handler;
  }

  async open(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
    this.#watcher = watch(this.#folder, () => void this.#look());
    this.#watcher.on("error", () => {});
  }

  close(): void {
    this.#stopped.abort();
    this.#watcher?.close();
  }

  async #look(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      if (!name.endsWith(".request") || this.#taken.has(name)) continue;
      this.#taken.add(name);
      // A fault here is a broken caller (killed between two lines): it must not end the cloud.
      this.#serve(name)
        .catch(() => {})
        .finally(() => this.#taken.delete(name));
    }
  }

  async #serve(name: string): Promise<void> {
    const path = join(this.#folder, name);
    const [directory = "/", ...words] = (await readFile(path, "utf8")).split("\0").slice(0, -1);
    await rm(path);
    const answer = await this.#openAnswer(path.replace(/\.request$/, ".answer"));
    if (answer === undefined) return;
    const gone = new AbortController();
    let sending: Promise<unknown> = Promise.resolve();
    const send = (mark: string, text: string): void => {
      const lines = text.replace(/\n$/, "").split("\n");
      const bytes = lines.map((line) => `${mark} ${line}\n`).join("");
      sending = sending.then(() => answer.write(bytes)).catch(() => gone.abort());
    };
    // A caller that was killed shows only when something is written: a line that the program passes over.
    const heartbeat = setInterval(() => send("~", ""), HEARTBEAT_MS);
    try {
      const status = await this.#handler({
        words,
        directory,
        stdout: (text) => send("1", text),
        stderr: (text) => send("2", text),
        signal: AbortSignal.any([gone.signal, this.#stopped.signal]),
      });
      send("=", String(status));
    } catch (error) {
      send("2", `${words[0]}: ${error instanceof Error ? error.message : String(error)}`);
      send("=", "1");
    } finally {
      clearInterval(heartbeat);
      await sending;
      await answer.close();
    }
  }

  /**
   * Opens the pipe without blocking: there is no reader yet (ENXIO) for the moment the shell needs to get
   * there.
   */
  async #openAnswer(path: string) {
    for (let attempt = 0; attempt < OPEN_TRIES && !this.#stopped.signal.aborted; attempt++) {
      try {
        return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENXIO") return undefined;
        await sleep(OPEN_PAUSE_MS);
      }
    }
    return undefined;
  }
}
