import { messageOf } from "../util/errors.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";
import type { ConfigProblem } from "./problem.ts";
import type { Environment } from "./variables.ts";

export type ReloadResult =
  | { readonly ok: true; readonly changed: boolean; readonly loaded: LoadedConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[]; readonly text: string | undefined };

/** Keeps the configuration in force. A run keeps the one that it began with; new runs take `current()`. */
export interface ConfigHolder {
  current(): LoadedConfig;
  /**
   * Reads the file again (at SIGHUP). A file that cannot be read or is wrong keeps the old configuration
   * and returns what is wrong with it.
   */
  reload(readFile: () => string | Promise<string>): Promise<ReloadResult>;
}

/** `env` is asked at each reload, so that a changed `.env` file is seen. */
export function createConfigHolder(first: LoadedConfig, env: () => Environment): ConfigHolder {
  let loaded = first;
  let latest = 0;
  return {
    current: () => loaded,
    async reload(readFile) {
      const turn = ++latest;
      const text = await read(readFile);
      if (typeof text !== "string") return { ok: false, problems: [text], text: undefined };
      const result = loadConfig(text, env(), first.file === undefined ? {} : { file: first.file });
      if (!result.ok) return { ok: false, problems: result.problems, text };
      const changed = result.loaded.hash !== loaded.hash;
      // Of two reloads at once, the one that was asked for last wins, whichever file was read first.
      if (turn === latest) loaded = result.loaded;
      return { ok: true, changed, loaded: result.loaded };
    },
  };
}

async function read(readFile: () => string | Promise<string>): Promise<string | ConfigProblem> {
  try {
    return await readFile();
  } catch (error) {
    const message = `the file could not be read: ${messageOf(error)}`;
    return { path: "", line: 0, column: 0, message, severity: "error" };
  }
}
