import { hkdfSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { currentEnvironment } from "../bot/settings.ts";
import { codeOf, SlipwayError } from "../util/errors.ts";

/**
 * `npx slipway stg …`: gives the bot that runs on this machine a command, as in Slack. Who may read the bot's
 * master secret may do so.
 *
 * Exit codes: 0 done, 1 refused (or, with `--wait`, the run failed), 2 the bot cannot be reached.
 */
export interface StgOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly user: string;
  /** Between two looks at a run that is waited for, in ms. */
  readonly everyMs?: number;
}

const REQUEST_TIMEOUT_MS = 30_000;

const reply = z.object({
  refused: z.boolean(),
  reasonCode: z.string().nullable(),
  text: z.string(),
  run: z.number().nullable(),
});

const runForm = z.object({
  state: z.string(),
  reason: z.string().nullable(),
  endedAt: z.string().nullable(),
  steps: z.array(
    z.object({
      path: z.string(),
      name: z.string(),
      state: z.string(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
});

export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await stg(args, {
    env: process.env,
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    user: currentUser(),
  });
}

/** Does one command and answers the exit code. */
export async function stg(args: readonly string[], options: StgOptions): Promise<number> {
  const wait = args.includes("--wait");
  const words = args.filter((word) => word !== "--wait");
  try {
    const bot = connect(currentEnvironment(options.env, process.cwd()));
    const answer = reply.parse(
      await bot.ask("/api/terminal", { words, user: options.user, key: randomUUID() }),
    );
    (answer.refused ? options.err : options.out)(answer.text.trim());
    if (answer.refused) {
      options.err(`reason: ${answer.reasonCode}`);
      return 1;
    }
    return wait && answer.run !== null ? await follow(bot, answer.run, options) : 0;
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    options.err(error.message);
    if (error.remedy !== undefined) options.err(error.remedy);
    return 2;
  }
}

/** Prints every change of a run's steps until it has ended. */
async function follow(bot: Bot, runId: number, { out, err, everyMs }: StgOptions): Promise<number> {
  const shown = new Map<string, string>();
  let patience = 30;
  for (;;) {
    const run = await bot.ask(`/api/runs/${runId}`).catch((error: unknown) => {
      // The bot may be restarting: its runs go on afterwards.
      patience -= 1;
      if (patience === 0 || codeOf(error) !== "bot_unreachable") throw error;
      return null;
    });
    if (run !== null) {
      patience = 30;
      const view = runForm.parse(run);
      for (const step of view.steps) {
        if (shown.get(step.path) === step.state) continue;
        shown.set(step.path, step.state);
        out(`${step.state.padEnd(9)} ${step.path}${step.error ? `: ${step.error.message}` : ""}`);
      }
      if (view.endedAt !== null) {
        const ok = view.state === "succeeded";
        (ok ? out : err)(`run #${runId} ${view.state}${view.reason === null ? "" : `: ${view.reason}`}`);
        return ok ? 0 : 1;
      }
    }
    await pause(everyMs ?? 500);
  }
}

interface Bot {
  /** Posts when there is a body, else gets. */
  ask(path: string, body?: unknown): Promise<unknown>;
}

function connect(env: Readonly<Record<string, string | undefined>>): Bot {
  const host = env.HOST ?? "127.0.0.1";
  const reachable = host === "0.0.0.0" || host === "::" || host === "" ? "127.0.0.1" : host;
  const base = `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${env.PORT ?? "3000"}`;
  const token = terminalToken(masterSecret(env));
  return { ask: (path, body) => request(base, token, path, body) };
}

async function request(base: string, token: string, path: string, body?: unknown): Promise<unknown> {
  const unreachable = (cause: unknown) =>
    new SlipwayError("bot_unreachable", `No bot answers at ${base}.`, {
      cause,
      remedy: "Start it (npm start), or set PORT and HOST to those that it was started with.",
    });
  const response = await fetch(`${base}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw unreachable(error);
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  if (response.status === 401) {
    throw new SlipwayError("secret_differs", `The bot at ${base} has another master secret.`, {
      remedy: "Set DATABASE_URL or SLIPWAY_SECRET to those that it was started with.",
    });
  }
  const said = z.object({ error: z.object({ message: z.string() }) }).safeParse(answer);
  throw new SlipwayError(
    "bot_failed",
    said.success ? said.data.error.message : `The bot at ${base} answered ${response.status}.`,
  );
}

/** The master secret: the setting, or what the bot has made and kept beside its database. */
function masterSecret(env: Readonly<Record<string, string | undefined>>): string {
  if (env.SLIPWAY_SECRET) return env.SLIPWAY_SECRET;
  const file = `${(env.DATABASE_URL ?? "sqlite:./slipway.db").replace(/^sqlite:(\/\/(?=\/))?/, "")}.secret`;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new SlipwayError("no_secret", `The bot's secret cannot be read from ${file}.`, {
      cause,
      remedy:
        "Run this as the bot's user in its folder, or set DATABASE_URL or SLIPWAY_SECRET as it has them.",
    });
  }
}

/** What the bot and this program both derive from the master secret. */
export function terminalToken(secret: string): string {
  return Buffer.from(hkdfSync("sha256", secret, "", "slipway terminal", 32)).toString("hex");
}

function currentUser(): string {
  try {
    return (
      userInfo()
        .username.replace(/[^A-Za-z0-9_.@-]/g, "_")
        .slice(0, 64) || "operator"
    );
  } catch {
    return "operator";
  }
}
