import {
  ABSENT_AFTER_REFUSAL_MS,
  ABSENT_FOR_MS,
  type AbsenceRecord,
  AwsFault,
  type Cloud,
  type CloudRegion,
  type Elsewhere,
  type Instance,
  judgeAbsence,
  type LaunchRequest,
  NOTHING_SEEN,
  type Owner,
  recordSighting,
  untilTerminated,
  WaitTimeout,
} from "../../cloud/index.ts";
import type { DischargeContext, ObligationKind } from "../../engine/obligation.ts";
import { sleep } from "../../util/clock.ts";
import { messageOf } from "../../util/errors.ts";
import { formatTime } from "../../util/format.ts";
import type { JsonObject } from "../../util/json.ts";
import { watched } from "../watched.ts";
import { OWED } from "./kinds.ts";

/** That AWS had definitely no room for an attempt, and where there may be some. */
export type Refused = {
  readonly message: string;
  readonly elsewhere: Elsewhere;
  /** AWS's own word for it; not in what an older version journaled. */
  readonly code?: string;
};

/** An outage of its SSH, as written down: an absolute deadline that a restart of the bot does not move. */
export type OutageRecord = {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
  readonly since: number;
  readonly until: number;
};

/** Everything by which an instance can be found, launched again identically, reached and terminated. */
export type InstanceFacts = JsonObject & {
  readonly region: string;
  readonly owner: Owner & JsonObject;
  readonly request: LaunchRequest & JsonObject;
  readonly deadMan: { readonly powerOffAt: number; readonly madeAt: number };
  /** The pinned public key line. */
  readonly hostKey: string;
  readonly instanceId: string | null;
  readonly address: string | null;
  readonly refused?: Refused;
  /** The request has been sent, or was about to be when the process ended. */
  readonly asked?: boolean;
  /** Since when it is not reached any more, and until when it is looked for; null once it was found again. */
  readonly outage?: OutageRecord | null;
  /** What the looks after a terminate have shown so far. */
  readonly absence?: (AbsenceRecord & JsonObject) | undefined;
};

/** Of the load balancer's side, before the instance goes all the same: with their pauses seven seconds and more. */
const FAILURES_WAITED_FOR = 4;
/** How long one attempt waits for `terminated`, in ms; the next attempt goes on. */
const TERMINATED_WITHIN_MS = 5 * 60_000;
/** AWS is eventually consistent: one look at `terminated` is not enough. */
const LOOK_PAUSE_MS = 600;
/** So many looks that show the same are believed for now; what follows looks again. */
const LOOKS_ENOUGH = 3;

/**
 * Terminates an instance and sees it gone. When the launching call's outcome is unknown the identical request is
 * repeated: under its client token AWS answers with the instance that the first call made (or makes one now),
 * and with its id in hand it can be terminated. "Not found" alone would prove nothing.
 */
export function instanceKind(
  cloud: Cloud,
  userDataFor: (facts: InstanceFacts) => string,
): ObligationKind<InstanceFacts> {
  return {
    kind: OWED.instance,
    version: 1,
    title: "Terminate instance",
    // For the requests' sake, and so not for ever: a group or a rule that cannot be mended must not keep it alive.
    after: [
      { kind: OWED.target, until: "released", failures: FAILURES_WAITED_FOR },
      { kind: OWED.oldTargets, failures: FAILURES_WAITED_FOR },
      { kind: OWED.forward, failures: FAILURES_WAITED_FOR },
    ],
    discharge: async (context) => {
      const region = cloud.region(context.facts.region);
      const launch = context.facts.instanceId ?? (await learnId(region, context, userDataFor));
      if (typeof launch === "string") await terminate(region, context, launch);
      await confirm(region, context, launch);
    },
  };
}

/** An instance whose id cannot be learnt is gone when nothing of it has been shown for so long. */
type Unknown = { readonly absentForMs: number | undefined };

/** The id of an instance whose launch has no known outcome, as far as AWS tells. */
async function learnId(
  region: CloudRegion,
  context: DischargeContext<InstanceFacts>,
  userDataFor: (facts: InstanceFacts) => string,
): Promise<string | Unknown> {
  const { facts, signal } = context;
  const { ec2 } = region.cleanup;
  const [found] = await ec2.findByToken(facts.request.clientToken, watched(context));
  if (found) return await learnt(context, found.id);
  try {
    const { id } = await ec2.runInstance(facts.request, userDataFor(facts), watched(context));
    context.log(`The launch had no known outcome; the same request again gave ${id}.`);
    return await learnt(context, id);
  } catch (error) {
    if (error instanceof AwsFault && (!error.definite || error.kind === "throttled")) throw error;
    signal.throwIfAborted();
    // AWS says nothing about the first call to one who may not ask, or cannot ask in the same words any more.
    const isTold = error instanceof AwsFault && error.kind !== "denied";
    context.log(`${messageOf(error)} Now it is looked for until it is surely not there.`);
    return { absentForMs: isTold ? ABSENT_AFTER_REFUSAL_MS : undefined };
  }
}

async function learnt(context: DischargeContext<InstanceFacts>, instanceId: string): Promise<string> {
  await context.learn({ instanceId }, "created");
  return instanceId;
}

/**
 * Asks again for as long as the instance is seen alive: soon after a launch AWS may answer that it knows no such
 * instance, and a refusal of that kind terminates nothing.
 */
async function terminate(
  region: CloudRegion,
  context: DischargeContext<InstanceFacts>,
  id: string,
): Promise<void> {
  do {
    await region.cleanup.ec2.terminate(id, watched(context));
  } while ((await waitForTerminated(region.poller, context, id)) === "alive");
}

/** Looks by every name until nothing of the launch is there any more. */
async function confirm(
  region: CloudRegion,
  context: DischargeContext<InstanceFacts>,
  launch: string | Unknown,
): Promise<void> {
  const { facts, signal } = context;
  const { ec2 } = region.cleanup;
  const { id, absentForMs } =
    typeof launch === "string"
      ? { id: launch, absentForMs: undefined }
      : { id: undefined, absentForMs: launch.absentForMs };
  const query = { id, clientToken: facts.request.clientToken, owner: facts.owner };
  for (;;) {
    const sighting = await ec2.sight(query, watched(context));
    // The one itself, shown late; or, found by token or tag, a launch of ours that nobody knew of.
    for (const one of sighting.instances.filter(isUp)) await ec2.terminate(one.id, watched(context));
    const absence = recordSighting(context.facts.absence ?? NOTHING_SEEN, sighting);
    await context.learn({ absence: absence as AbsenceRecord & JsonObject });
    if (judgeAbsence(absence, context.now(), absentForMs).gone) return;
    if (absence.absentSince !== null) await expectAbsence(context, absence.absentSince, absentForMs);
    await sleep(absence.absentSince === null ? LOOK_PAUSE_MS : 5_000, signal);
    signal.throwIfAborted();
  }
}

/** AWS forgets an instance within about an hour of its end: then there is nothing to see but that it stays away. */
async function expectAbsence(
  context: DischargeContext<InstanceFacts>,
  since: number,
  forMs = ABSENT_FOR_MS,
): Promise<void> {
  const by = since + forMs;
  await context.expect(by, `AWS shows no sign of it: counts as gone at ${formatTime(by)}`);
}

function isUp({ state }: Instance): boolean {
  return state !== "terminated" && state !== "shutting-down";
}

/** `alive`: several looks in a row have shown no sign of its ending. `ended`: terminated, or not shown any more. */
async function waitForTerminated(
  poller: ReturnType<Cloud["region"]>["poller"],
  context: DischargeContext<InstanceFacts>,
  id: string,
): Promise<"ended" | "alive"> {
  try {
    let unseen = 0;
    let alive = 0;
    return await poller.instance(
      id,
      (seen) => {
        if (seen === undefined) return ++unseen >= LOOKS_ENOUGH ? "ended" : undefined;
        if (untilTerminated(seen)) return "ended";
        alive = isUp(seen) ? alive + 1 : 0;
        return alive >= LOOKS_ENOUGH ? "alive" : undefined;
      },
      { deadline: context.now() + TERMINATED_WITHIN_MS, ...watched(context), what: "terminated" },
    );
  } catch (error) {
    if (error instanceof WaitTimeout) context.log(error.message);
    throw error;
  }
}
