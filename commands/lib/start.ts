import { formatDuration } from "../../src/config/index.ts";
import type { RunView, SubmitRequest } from "../../src/engine/types.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { answer, type CommandContext, type Outcome, type Refusal, refuse } from "../services.ts";
import { askedAfter } from "./asked-first.ts";
import { estimateStart, whenText } from "./estimate.ts";
import { withOwnTargets } from "./foreign-targets.ts";
import { boardLink, fromEngine, holderText, leaseOf, runLink } from "./slots.ts";
import { bold, code, type Text, t } from "./text.ts";

type Request = Pick<SubmitRequest, "kind" | "candidates" | "input"> &
  Partial<Pick<SubmitRequest, "reason" | "pr" | "sha" | "retryOf" | "adopt" | "noWait">>;

/** Kinds of run that change what stands behind the slot's load balancer. */
const CHANGES_TARGETS: readonly string[] = ["launch", "swap"];

/** Hands a run to the engine and says what became of it: started, queued with an estimate, or known already. */
export async function startRun(context: CommandContext, request: Request): Promise<Outcome> {
  const { services, person, via, dedupeKey } = context;
  const config = services.config();
  await services.rememberConfig(config);
  await context.turn();
  const candidates = CHANGES_TARGETS.includes(request.kind)
    ? await withOwnTargets(context, request.candidates)
    : request.candidates;
  if ("refused" in candidates) return candidates;
  const submitted = await services.engine.submit({
    ...request,
    candidates,
    input: { ...request.input, ...originOf(context) },
    requestedBy: person,
    via,
    configHash: config.hash,
    dedupeKey,
  });
  if (submitted.refused) {
    const taken = submitted.reasonCode === "slot_taken" ? await slotTaken(context, request) : null;
    return taken ?? fromEngine(context, submitted);
  }
  const { run, position, repeated } = submitted;
  if (repeated) return wasStarted(context, run);
  const where = run.target ?? candidates.join(" or ");
  const what = t`${runLink(services, run.id)}: ${bold(request.kind)} of ${bold(where)}`;
  if (position === null) return { ...answer(t`${what} has started.`, run), begun: true };
  return answer(t`${what} is waiting. ${await queueText(context, candidates, run.id, position)}`, run);
}

/**
 * What a command says that is given a second time, when the first has started a run: found before anything else is
 * looked at, since what it would find now is that run's own work.
 */
export async function alreadyStarted(context: CommandContext): Promise<Outcome | null> {
  const { services, dedupeKey } = context;
  const run = dedupeKey === null ? null : await services.engine.runStartedBy(dedupeKey);
  return run && wasStarted(context, run);
}

function wasStarted({ services }: CommandContext, run: RunView): Outcome {
  return answer(t`${runLink(services, run.id)} was already started by this.`, run);
}

/** Who has the slot that was named; null when several would have done, or when it came free meanwhile. */
async function slotTaken(context: CommandContext, { kind, candidates }: Request): Promise<Refusal | null> {
  const [only] = candidates;
  if (only === undefined || candidates.length > 1) return null;
  const lease = await leaseOf(context.services, only);
  if (lease.mode === "free") return null;
  const command = code(`${context.prefix} ${kind} ${only}`);
  return refuse(
    "slot_taken",
    t`${bold(only)} is taken by ${holderText(context.services, lease)}.`,
    t`Without ${code("--no-wait")}, ${command} waits in the queue for its turn.${boardLink(context.services, lease)}`,
  );
}

/** Surfaces read from here where the run was asked for, and show it there. */
function originOf({ origin }: CommandContext): JsonObject {
  return origin.channel === undefined ? {} : { origin: { channel: origin.channel } };
}

async function queueText(
  context: CommandContext,
  candidates: readonly string[],
  runId: number,
  position: number,
): Promise<Text> {
  const { services, prefix } = context;
  const [only] = candidates;
  const { config } = services.config();
  const turn = { resource: only ?? "", requestedBy: context.person, via: context.via };
  const after = askedAfter(config, turn);
  const asked =
    after === null ? null : t` You are asked first if that takes longer than ${formatDuration(after)}.`;
  const leave = t` It starts by itself; ${code(`${prefix} cancel ${runId}`)} gives the place up.${asked}`;
  if (only === undefined || candidates.length > 1) {
    return t`No slot is free; it is number ${position} in the queue.${leave}`;
  }
  const lease = await leaseOf(services, only);
  const now = services.clock.now();
  const parts = { engine: services.engine, config, now };
  const probably = await estimateStart(parts, lease, await services.engine.queue(only), runId);
  const estimate = whenText(probably, now);
  return t`${bold(only)} is held by ${holderText(services, lease)}. Number ${position} in the queue, ${estimate}.${leave}`;
}
