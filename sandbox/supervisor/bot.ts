import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseEnv } from "node:util";
import type { Child, Children } from "./children.ts";
import { bareEnvironment } from "./environment.ts";
import type { SandboxFolder } from "./folder.ts";
import { untilReady } from "./ready.ts";
import { ROOT } from "./services.ts";

const READY_WITHIN_MS = 60_000;

/**
 * What `npm start` runs, with the environment of sandbox.env and nothing else: as in production. Without npm in
 * between, so that the number in sandbox.json is the bot's own and a signal to it arrives. Resolves when it is ready.
 */
export async function startBot(children: Children, folder: SandboxFolder, url: string): Promise<Child> {
  const environment = parseEnv(readFileSync(folder.file("sandbox.env"), "utf8"));
  const given = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const child = await children.start({
    name: "bot",
    command: process.execPath,
    args: [join(ROOT, "src", "cli", "slipway.mjs"), "start"],
    cwd: ROOT,
    env: { ...bareEnvironment(process.env), PATH: pathOfNpm(), ...Object.fromEntries(given) },
    logFile: folder.file("logs", "bot.log"),
  });
  await untilReady(child, `${url}/readyz`, READY_WITHIN_MS);
  return child;
}

/** The path that npm gives to a script: this repository's own programs first. */
function pathOfNpm(): string {
  return [join(ROOT, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
}
