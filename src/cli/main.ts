import { distance } from "fastest-levenshtein";
import { messageOf, SlipwayError } from "../util/errors.ts";
import type { CommandContext } from "./check.ts";

/** Resolves with the exit code, or with nothing for 0 (or when the process goes on, as the bot's does). */
type Run = (args: readonly string[]) => Promise<number | undefined | void>;

interface Subcommand {
  readonly name: string;
  readonly usage: string;
  readonly does: string;
  /** Loaded only when it is used: each part brings much that the others do not need. */
  load(): Promise<Run>;
  /** Needs packages that a production install leaves out. */
  readonly development?: boolean;
  /** It has work that goes on although nobody reads what it says. */
  readonly outlivesItsReader?: boolean;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: "start",
    usage: "start",
    does: "run the bot (also: npm start)",
    load: async () => (await import("../bot/main.ts")).main,
    outlivesItsReader: true,
  },
  {
    name: "check",
    usage: "check [FILE]",
    does: "validate a configuration; every problem with its line",
    load: async () => withContext((await import("./check.ts")).check),
  },
  {
    name: "schema",
    usage: "schema",
    does: "print the configuration's JSON Schema",
    load: async () => withContext((await import("./schema.ts")).schema),
  },
  {
    name: "doctor",
    usage: "doctor",
    does: "try every permission that can be tried without changing anything",
    load: async () => withContext((await import("./doctor.ts")).doctor),
  },
  {
    name: "iam-policy",
    usage: "iam-policy [FILE]",
    does: "print the least IAM policy for the configuration",
    load: async () => withContext((await import("./iam-policy.ts")).printIamPolicy),
  },
  {
    name: "backup",
    usage: "backup FILE",
    does: "copy the database while the bot runs, and check the copy",
    load: async () => withContext((await import("./backup.ts")).backup),
  },
  {
    name: "stg",
    usage: "stg COMMAND …",
    does: "give the running bot a command, as in Slack: stg status, stg launch stg1",
    load: async () => (await import("./stg.ts")).main,
  },
  {
    name: "sandbox",
    usage: "sandbox [--port N] [--no-bot] [--dir DIR] [--keep] [--socket-mode]",
    does: "a cloud, Slack, GitHub and the bot on this machine (also: npm run sandbox)",
    load: async () => (await import("../../sandbox/main.ts")).main,
    development: true,
  },
  {
    name: "bench",
    usage: "bench",
    does: "measure the bot in sandboxes of its own (also: npm run bench)",
    load: async () => (await import("../../bench/main.ts")).main,
    development: true,
  },
];

const HELP_WORDS = new Set(["help", "--help", "-h"]);

/** The command line's entry. The exit code is 2 when the words make no sense or a setting is missing. */
export async function main(args: readonly string[]): Promise<void> {
  const [word, ...rest] = args;
  const subcommand = SUBCOMMANDS.find((one) => one.name === word);
  if (!subcommand?.outlivesItsReader) endWithTheReader();
  if (word === undefined || HELP_WORDS.has(word)) {
    console.log(usage());
    if (word === undefined) process.exitCode = 2;
    return;
  }
  if (!subcommand) {
    console.error(unknownWord(word));
    process.exitCode = 2;
    return;
  }
  try {
    // What is for developing brings an account of its own along.
    if (!subcommand.development)
      (await import("../bot/settings.ts")).exportAwsSettings(process.env, process.cwd());
    const run = await subcommand.load();
    const code = await run(rest);
    if (typeof code === "number") process.exitCode = code;
  } catch (error) {
    explain(error, subcommand);
  }
}

/** `slipway schema | head`: whoever reads has read enough, and that is no fault. */
function endWithTheReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

function withContext(run: (args: readonly string[], context: CommandContext) => Promise<number>): Run {
  const { env, stdout, stderr } = process;
  return (args) => run(args, { env, stdout, stderr, cwd: process.cwd() });
}

export function usage(): string {
  const width = Math.max(...SUBCOMMANDS.map((one) => one.name.length)) + 2;
  const lines = SUBCOMMANDS.map((one) => `  ${one.name.padEnd(width)}${one.does}`);
  return `Usage: npx slipway WORD …\n\n${lines.join("\n")}\n  ${"help".padEnd(width)}this text`;
}

function unknownWord(word: string): string {
  const near = SUBCOMMANDS.map((one) => ({ one, steps: distance(word, one.name) })).toSorted(
    (a, b) => a.steps - b.steps,
  )[0];
  const close = near && near.steps <= Math.max(1, Math.floor(near.one.name.length / 2));
  const hint = close ? ` Did you mean ${near.one.name}?` : "";
  return `There is no "${word}".${hint}\n\n${usage()}`;
}

function explain(error: unknown, subcommand: Subcommand): void {
  const missing = subcommand.development ? missingPart(error, subcommand.name) : undefined;
  if (missing) {
    console.error(
      `"${subcommand.name}" needs ${missing}, which a production install leaves out.\n` +
        'It is for developing and trying out: run "npm ci" (without --omit=dev) in a clone, and try again.',
    );
    process.exitCode = 2;
    return;
  }
  if (error instanceof SlipwayError) {
    console.error(`${messageOf(error)}${error.remedy ? `\n${error.remedy}` : ""}`);
    process.exitCode = 1;
    return;
  }
  throw error;
}

/** The package, or the folder, whose absence made the import fail; undefined when something else went wrong. */
function missingPart(error: unknown, name: string): string | undefined {
  if ((error as { code?: unknown } | undefined)?.code !== "ERR_MODULE_NOT_FOUND") return undefined;
  const [, kind, what = ""] = /Cannot find (package|module) '([^']+)'/.exec(messageOf(error)) ?? [];
  if (kind === "package") return `the package ${what}`;
  return what.endsWith(`/${name}/main.ts`) ? `the folder ${name}/` : undefined;
}
