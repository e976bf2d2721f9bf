import { dirname } from "node:path";
import { codeOf, messageOf, SlipwayError } from "../util/errors.ts";
import { type Bot, startBot } from "./bot.ts";
import { readStartInput } from "./settings.ts";

/** How long an orderly stop may take before the process ends all the same, in ms. Nothing is lost by it. */
const STOP_WITHIN_MS = 8_000;

/**
 * `npm start`: the bot. Exit code 2 when settings or configuration are wrong or missing (all said at once), 1 when
 * it could not start for another reason.
 */
export async function main(): Promise<number | undefined> {
  // The database and its neighbours tell who works on what, and the suite's output is the team's own.
  process.umask(0o077);
  const input = readStartInput(process.env, process.cwd());
  if (!input.ok) {
    process.stderr.write(input.report);
    return 2;
  }
  try {
    const bot = await startBot(input, {
      processEnv: process.env,
      cwd: process.cwd(),
      baseFolder: dirname(input.configFile),
    });
    obeySignals(bot);
    return undefined;
  } catch (error) {
    const remedy = remedyOf(error);
    process.stderr.write(`Slipway cannot start: ${messageOf(error)}${remedy ? `\n    → ${remedy}` : ""}\n`);
    process.exit(1);
  }
}

/** A disk that is full may say so at the start's last write as well as at its first. */
function remedyOf(error: unknown): string | undefined {
  if (error instanceof SlipwayError && error.remedy !== undefined) return error.remedy;
  if (!/^(SQLITE_(FULL|IOERR)|ENOSPC$|EDQUOT$)/.test(codeOf(error))) return undefined;
  return "Free space on the disk that holds the database, and start again. Nothing is lost: touch none of its files.";
}

function obeySignals(bot: Bot): void {
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref();
    void bot.stop(signal).then(
      () => process.exit(0),
      (error) => {
        bot.log.error({ err: error }, "the stop was not orderly; the journal is whole");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGHUP", () => void bot.reload());
  // A fault that nobody caught leaves unknown state in memory: the journal is right, so end and begin again.
  process.on("uncaughtException", (error) => {
    bot.log.fatal({ err: error }, "uncaught exception");
    process.exit(1);
  });
  // A promise that nobody waited for belongs to one run or one request; the others must not end with it.
  process.on("unhandledRejection", (error) => bot.log.error({ err: error }, "unhandled rejection"));
}
