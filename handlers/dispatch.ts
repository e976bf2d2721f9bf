import type { Logger } from "pino";
import { type ParsedCommand, parseCommand, parseWords } from "../commands/grammar.ts";
import { commandsByName, fallback } from "../commands/index.ts";
import { requireRole } from "../commands/lib/roles.ts";
import { code, t, toPlain } from "../commands/lib/text.ts";
import {
  type CommandContext,
  type CommandServices,
  type Origin,
  type Outcome,
  type Refusal,
  refuse,
  type Via,
} from "../commands/services.ts";
import type { AuditEntry } from "../db/audit.ts";
import type { Person } from "../src/engine/types.ts";
import type { Redactor } from "../src/util/redact.ts";
import type { Authority } from "./roles.ts";
import type { Turn } from "./turnstile.ts";

/** A command as an entrance hands it on. */
export interface CommandRequest {
  /** As one text, or as words that a shell has cut. */
  readonly written: { readonly text: string } | { readonly words: readonly string[] };
  readonly via: Via;
  /** How the person calls the bot: `/stg`. */
  readonly prefix: string;
  readonly dedupeKey: string | null;
  readonly origin: Origin;
  authority(): Promise<Authority>;
  /** Found more than 15 minutes late. */
  readonly late?: boolean;
  /** Its place among the commands of this entrance that change things; without one it waits for none. */
  readonly turn?: Turn;
  /** The bot died while it did this before. */
  readonly interrupted?: boolean;
}

export interface Dispatched {
  readonly person: Person;
  readonly outcome: Outcome;
}

export interface DispatchOptions {
  readonly services: CommandServices;
  audit(entry: AuditEntry): Promise<void>;
  readonly redact: Redactor;
  readonly log: Logger;
}

export type Dispatch = (request: CommandRequest) => Promise<Dispatched>;

/**
 * The one way from any entrance to a command: parse → authorise → run. Every command that acts, and every
 * refused one, leaves a line in the audit log.
 *
 * What it throws is a fault of the bot or of the database, never of the person; the command may be tried
 * again with the same dedupe key.
 */
export function createDispatch(options: DispatchOptions): Dispatch {
  return async (request) => {
    const parsed = parse(request);
    // What changes nothing keeps nobody waiting while its author is looked up.
    if ("refused" in parsed || !parsed.command.acts) request.turn?.through();
    const authority = await request.authority();
    const context = contextOf(options.services, request, authority);
    const refusal = "refused" in parsed ? parsed : mayRun(context, request, parsed);
    try {
      const outcome = refusal ?? (await runInTurn(context, parsed as ParsedCommand));
      await note(options, request, authority.person, parsed, outcome);
      return { person: authority.person, outcome };
    } catch (error) {
      await note(options, request, authority.person, parsed, null);
      throw error;
    }
  };
}

async function runInTurn(context: CommandContext, { command, args }: ParsedCommand): Promise<Outcome> {
  if (command.acts && !command.takesTurn) await context.turn();
  return await command.run(context, args);
}

function parse({ written, prefix }: CommandRequest): ParsedCommand | Refusal {
  const vocabulary = { commands: commandsByName, fallback, prefix };
  return "text" in written ? parseCommand(written.text, vocabulary) : parseWords(written.words, vocabulary);
}

function argsOf(parsed: ParsedCommand | Refusal): Readonly<Record<string, unknown>> {
  return "refused" in parsed ? {} : parsed.args;
}

function contextOf(services: CommandServices, request: CommandRequest, authority: Authority): CommandContext {
  const { person, roles, linked, withoutRoles } = authority;
  const { via, prefix, dedupeKey, origin } = request;
  const turn = async () => await request.turn?.wait();
  return { services, person, roles, linked, withoutRoles, via, prefix, dedupeKey, origin, turn };
}

function mayRun(
  context: CommandContext,
  request: CommandRequest,
  { command }: ParsedCommand,
): Refusal | null {
  if (command.role !== null) {
    const missing = requireRole(context, command.role, command.name);
    if (missing) return missing;
  }
  if (request.late) {
    return refuse(
      "too_late",
      t`The bot found ${code(`${request.prefix} ${command.name}`)} more than 15 minutes late.`,
      t`Give it again if you still want it.`,
    );
  }
  if (request.interrupted && !command.repeatable) {
    return refuse(
      "interrupted",
      t`The bot was restarted while it did ${code(`${request.prefix} ${command.name}`)}, and did not do it twice.`,
      t`Look at ${code(`${request.prefix} status`)}, and give it again if it was not done.`,
    );
  }
  return null;
}

async function note(
  { audit, redact, log, services }: DispatchOptions,
  request: CommandRequest,
  person: Person,
  parsed: ParsedCommand | Refusal,
  outcome: Outcome | null,
): Promise<void> {
  const command = "refused" in parsed ? null : parsed.command;
  const refusal = outcome?.refused ? outcome : null;
  if (outcome && !refusal && !command?.acts) return;
  const written = "text" in request.written ? request.written.text : request.written.words.join(" ");
  const entry: AuditEntry = {
    at: services.clock.now(),
    who: person.id,
    via: request.via,
    action: command?.name ?? "unknown",
    target: targetOf(argsOf(parsed)),
    outcome: outcome === null ? "failed" : refusal ? "refused" : "done",
    reasonCode: refusal?.reasonCode ?? null,
    detail: redact.text(
      `${redact.text(written).slice(0, 300)} → ${outcome ? firstLine(outcome) : "internal error"}`,
    ),
  };
  try {
    await audit(entry);
  } catch (error) {
    // The command has had its effect; a full disk must not make the entrance do it again.
    log.error({ err: error, entry }, "the audit log could not be written");
  }
}

function firstLine(outcome: Outcome): string {
  const text = toPlain(outcome.refused ? outcome.what : outcome.text);
  return (text.split("\n")[0] ?? "").slice(0, 300);
}

function targetOf(args: Readonly<Record<string, unknown>>): string | null {
  const { slot, run, target } = args;
  const named = slot ?? run ?? target;
  return typeof named === "string" || typeof named === "number" ? String(named) : null;
}
