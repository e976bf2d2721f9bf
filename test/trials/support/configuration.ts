import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { JsonObject } from "../../../src/util/json.ts";
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

/** A configuration's slots, with other defaults for all of them. */
export function slotsWith(config: JsonObject, defaults: JsonObject): JsonObject {
  const slots = config.slots as { defaults: JsonObject };
  return { ...slots, defaults: { ...slots.defaults, ...defaults } };
}

/** The run's number is what the application calls itself: it tells whose answer came. */
export const NUMBERED_UPDATE = {
  steps: [
    { name: "Save configuration", run: 'platform config save --ref "run-$SLIPWAY_RUN"' },
    { name: "Start LMS", run: "platform lms start -d" },
    { name: "Start services", run: "docker compose up -d" },
  ],
};
