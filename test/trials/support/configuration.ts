import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Stand } from "./stand.ts";

const logLine = z.looseObject({ pid: z.number(), msg: z.string(), problems: z.unknown().optional() });

/** What the bot has logged so far, oldest first. */
export function logged(stand: Stand) {
  const lines = readFileSync(join(stand.trial.folder, "log"), "utf8").trim().split("\n");
  return lines.filter((line) => line.startsWith("{")).map((line) => logLine.parse(JSON.parse(line)));
}

/** The file from which the bot reads its configuration. */
export function configFile(stand: Stand): string {
  return z.string().parse(stand.yard.environment.SLIPWAY_CONFIG);
}

/** Asks the bot to read its configuration again; what it says to it. */
export async function reload(stand: Stand, expected: RegExp): Promise<string> {
  const before = logged(stand).length;
  process.kill(logged(stand).at(-1)?.pid ?? 0, "SIGHUP");
  let said: string | undefined;
  await stand.trial.until(`saying ${expected}`, () => {
    const line = logged(stand)
      .slice(before)
      .find(({ msg }) => expected.test(msg));
    said = line && JSON.stringify(line);
    return said !== undefined;
  });
  return said ?? "";
}
