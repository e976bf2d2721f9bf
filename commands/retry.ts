import type { LeaseView, RunView } from "../src/engine/types.ts";
import { defineCommand, required } from "./lib/command.ts";
import { refuseWithoutGitHub } from "./lib/commit.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { type Pin, pinAnew, pinOf, readAgain, usualRepository } from "./lib/read-again.ts";
import { findRun, requireRoleOf, stopText } from "./lib/runs.ts";
import { findSlot, runLink } from "./lib/slots.ts";
import { startRun } from "./lib/start.ts";
import { bold, code, type Text, t } from "./lib/text.ts";
import { runNumber } from "./lib/values.ts";
import { type CommandContext, type Refusal, refuse } from "./services.ts";

/** Kinds that work on what stands on a slot, so that it must still stand there. */
const ON_WHAT_STANDS = ["update", "swap", "test", "terminate"] as const;

export const retry = defineCommand({
  name: "retry",
  summary:
    "Starts a new run of the same commit, which is read again; needs the role of the run's own command.",
  role: "viewer",
  acts: true,
  repeatable: true,
  takesTurn: true,
  positionals: { run: required(runNumber) },
  options: {},
  run: async (context, args) => {
    const run = await findRun(context, args.run);
    if ("refused" in run) return run;
    const refusal = requireRoleOf(context, run, "retry");
    if (refusal) return refusal;
    if (run.endedAt === null) {
      return refuse(
        "run_active",
        t`${runLink(context.services, run.id)} has not ended (${run.state}).`,
        stopText(context.prefix, run),
      );
    }
    const { origin: _, ...input } = run.input;
    const kind = ON_WHAT_STANDS.find((one) => one === run.kind);
    if (kind && run.target !== null) {
      await context.turn();
      return await startOnSlot(
        context,
        run.target,
        kind,
        async (lease) => refuseOther(context, run, lease) ?? input,
      );
    }
    if (run.kind !== "launch") {
      return refuse("not_retryable", t`A ${run.kind} cannot be repeated by this version.`);
    }
    for (const candidate of run.candidates) {
      const slot = findSlot(context, candidate);
      if ("refused" in slot) return slot;
    }
    const { sha, pr, candidates } = run;
    const pin = pinAgain(context, run);
    const moved = pin && (await readCommitAgain(context, run, pin));
    if (moved) return moved;
    const pinned = pin ? { ...input, ...pin } : input;
    return await startRun(context, { kind: "launch", candidates, input: pinned, sha, pr, retryOf: run.id });
  },
});

/** Of a branch or tag the same commit is asked for now, and not its head. */
function pinAgain({ services }: CommandContext, run: RunView): Pin | null {
  // Without GitHub whole commits are taken as they are, as when they are given.
  const read = services.commits === null ? pinOf : pinAnew;
  const pin = read(run.input, usualRepository(services.config().config, run.candidates[0] ?? ""));
  return pin?.named === "ref" ? { ...pin, named: "sha" } : pin;
}

async function readCommitAgain(
  { services, prefix }: CommandContext,
  run: RunView,
  pin: Pin,
): Promise<Refusal | null> {
  if (services.commits === null) return refuseWithoutGitHub(t`The commit of run #${run.id}`);
  const [slot = ""] = run.candidates;
  const usual = usualRepository(services.config().config, slot);
  const command = run.candidates.length === 1 ? `${prefix} launch ${slot}` : `${prefix} launch`;
  // What a branch or tag once led to was proven by it; digits alone were given by a person.
  const prove = pin.named === "sha" && pin.ref === null;
  return await readAgain(services.commits, pin, { command, usual, prove });
}

/** What works on what stands on a slot works on the commit that stands there: it must be the run's own. */
function refuseOther({ services, prefix }: CommandContext, run: RunView, lease: LeaseView): Refusal | null {
  const { sha } = lease.facts;
  const standing = typeof sha === "string" ? sha : null;
  if (standing === run.sha) return null;
  const { kind } = run;
  const slot = lease.resource;
  const launch =
    run.sha === null
      ? null
      : t` ${code(`${prefix} launch ${slot} --sha ${run.sha}`)} launches the other one.`;
  return refuse(
    "other_commit_stands",
    t`${runLink(services, run.id)} was of ${shown(run.sha)}; ${shown(standing)} stands on ${bold(slot)} now.`,
    t`${code(`${prefix} ${kind} ${slot}`)} works on what stands there.${launch}`,
  );
}

function shown(sha: string | null): Text {
  return sha === null ? t`the image's own code` : t`${code(sha.slice(0, 7))}`;
}
