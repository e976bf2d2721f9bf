import {
  AwsFault,
  buildLaunchRequest,
  buildUserData,
  type Elsewhere,
  type Image,
  type LaunchCandidate,
  type LaunchRequest,
  launchCandidates,
  type Owner,
  remainingCandidates,
  troubleText,
  untilRunning,
} from "../../cloud/index.ts";
import type { SlotConfig } from "../../config/index.ts";
import type { Owed } from "../../engine/owed.ts";
import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import { deriveHostKey } from "../../remote/index.ts";
import { sleep } from "../../util/clock.ts";
import { SlipwayError } from "../../util/errors.ts";
import type { JsonObject } from "../../util/json.ts";
import type { InstanceFacts, Refused } from "../owed/instance.ts";
import { OWED } from "../owed/kinds.ts";
import type { SlotContext } from "../services.ts";
import { watched } from "../watched.ts";
import { deadManOf } from "./dead-man.ts";
import { findLateLaunch } from "./late-launch.ts";
import { noCapacity, type Refusal } from "./no-capacity.ts";

/** AWS shows `running` within minutes or never. In ms. */
const RUNNING_WITHIN_MS = 10 * 60_000;
/** How long an unknown outcome of RunInstances is asked after, in ms. */
const UNKNOWN_LIMIT_MS = 5 * 60_000;

/** How an instance is reached. */
export type Host = { readonly instanceId: string; readonly address: string; readonly hostKey: string };

/** What of it is shown on the board. */
export type Standing = {
  readonly instanceId: string;
  readonly address: string;
  readonly ami: string;
  readonly sha: string | null;
  readonly pr: number | null;
};

type UserDataFacts = {
  readonly owner: Owner;
  readonly deadMan: InstanceFacts["deadMan"];
  readonly hostKey: string;
};

/** The user data of a launch: always the same text for the same facts, since AWS compares it under one token. */
export function userDataFor(masterSecret: string, facts: UserDataFacts, injected: boolean): string {
  const pair = injected ? hostKeyOf(masterSecret, facts.owner) : undefined;
  return buildUserData({
    hostKey: pair && { privateKey: pair.privateKeyOpenSsh, publicKey: pair.publicKeyLine },
    deadMan: facts.deadMan,
  });
}

function hostKeyOf(masterSecret: string, owner: Owner) {
  return deriveHostKey(masterSecret, `${owner.installation}/${owner.run}/${owner.generation}`);
}

/** Whether the instance was given a host key of ours, seen from what was journaled of it. */
export function isInjected(masterSecret: string, facts: Pick<UserDataFacts, "owner" | "hostKey">): boolean {
  return hostKeyOf(masterSecret, facts.owner).publicKeyLine === facts.hostKey;
}

/**
 * Launches one instance and waits until it has an address. Type and subnet change only after AWS has definitely
 * refused for want of capacity; after an unknown outcome the identical request is repeated.
 */
export async function startInstance(
  run: Run,
  context: SlotContext,
  ami: string,
): Promise<Host & { readonly standing: Standing; readonly launchedAt: number }> {
  const { slot, region, config } = context;
  const image = await run.step(
    "Read the image",
    async (step) => (await region.ec2.describeImage(ami, watched(step))) as Image & JsonObject,
  );
  const now = await run.now("launch");
  const deadMan = deadManOf(now, slot, config);
  let candidates: readonly LaunchCandidate[] = launchCandidates(slot.instanceType, slot.subnets);
  const refusals: Refusal[] = [];
  for (;;) {
    const [candidate] = candidates;
    if (!candidate) throw noCapacity(context.name, refusals);
    const launched = await launchOne(run, context, { candidate, image, deadMan });
    if (!("refused" in launched)) {
      const host = await awaitAddress(run, context, launched.owed, launched.instanceId);
      // Of an instance that an older version has launched, its own timer's beginning.
      return { ...host, launchedAt: launched.owed.facts.deadMan.madeAt };
    }
    refusals.push({ ...candidate, ...launched.refused });
    candidates = remainingCandidates(candidates, candidate, launched.elsewhere);
  }
}

type Attempt = { candidate: LaunchCandidate; image: Image; deadMan: InstanceFacts["deadMan"] };
type Launched =
  | { readonly owed: Owed<InstanceFacts>; readonly instanceId: string }
  | { readonly refused: Pick<Refusal, "code" | "message">; readonly elsewhere: Elsewhere };

async function launchOne(
  run: Run,
  context: SlotContext,
  { candidate, image, deadMan }: Attempt,
): Promise<Launched> {
  const facts = instanceFacts(run, context, candidate, image, deadMan);
  const owed = await run.owe<InstanceFacts>(OWED.instance, {
    key: `${candidate.instanceType}:${candidate.subnetId}`,
    // One that was kept stands beside it until this one takes over.
    own: true,
    facts,
  });
  try {
    const name = `Launch ${candidate.instanceType} in ${candidate.subnetId}`;
    const { instanceId } = await run.step(name, (step) => sendLaunch(step, context, owed));
    return { owed, instanceId };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== NO_ROOM) throw error;
    // From the error's fields, since a replay has only what the journal holds of it.
    const code = typeof error.fields.code === "string" ? error.fields.code : "no capacity";
    return {
      refused: { code, message: error.message },
      elsewhere: elsewhereOf(error.fields.elsewhere),
    };
  }
}

/** The code of an attempt that AWS has definitely refused for want of room; another one may have it. */
const NO_ROOM = "no_room_here";

function noRoom({ message, elsewhere, code }: Refused): SlipwayError {
  return new SlipwayError(NO_ROOM, message, { fields: { elsewhere, ...(code !== undefined && { code }) } });
}

function elsewhereOf(value: unknown): Elsewhere {
  return value === "zone" || value === "type" ? value : "none";
}

async function sendLaunch(
  step: Step,
  { region, services }: SlotContext,
  owed: Owed<InstanceFacts>,
): Promise<{ instanceId: string }> {
  // Struck out before a crash: AWS had refused, and sending it again would launch what nobody owes.
  if (owed.state === "gone")
    throw noRoom(owed.facts.refused ?? { message: "AWS had refused.", elsewhere: "none" });
  if (owed.facts.instanceId !== null) return { instanceId: owed.facts.instanceId };
  const userData = userDataFor(
    services.masterSecret,
    owed.facts,
    isInjected(services.masterSecret, owed.facts),
  );
  const giveUpAt = step.now() + UNKNOWN_LIMIT_MS;
  // A refusal speaks of its own call alone: an earlier one, of a process that was killed too, may have launched.
  let unsure = owed.facts.asked === true;
  if (!unsure) await owed.learn({ asked: true });
  for (let pause = 1_000; ; pause = Math.min(pause * 2, 10_000)) {
    try {
      const { id } = await region.ec2.runInstance(owed.facts.request, userData, watched(step));
      await owed.created({ instanceId: id });
      return { instanceId: id };
    } catch (error) {
      if (!(error instanceof AwsFault)) throw error;
      if (error.kind === "capacity" && error.definite) {
        const late = unsure ? await findLateLaunch(step, region.ec2, owed.facts) : undefined;
        if (late) {
          await owed.created({ instanceId: late.id });
          return { instanceId: late.id };
        }
        const refused: Refused = {
          message: error.message,
          elsewhere: error.elsewhere ?? "none",
          ...(error.awsCode !== undefined && { code: error.awsCode }),
        };
        await owed.learn({ refused });
        await owed.strike(`AWS refused: ${error.awsCode}`);
        throw noRoom(refused);
      }
      if (error.definite && error.kind !== "throttled") {
        // A token that AWS knows with other parameters belongs to an instance: cleanup looks for it.
        if (!unsure && error.kind !== "mismatch")
          await owed.strike(`AWS refused: ${error.awsCode ?? error.code}`);
        throw error;
      }
      unsure ||= !error.definite;
      if (step.now() >= giveUpAt) throw error;
      step.log(`${error.message} The same request is sent again under the same client token.`);
      step.detail(troubleText({ since: step.startedAt, fault: error }));
      await sleep(pause, step.signal);
      step.signal.throwIfAborted();
    }
  }
}

function instanceFacts(
  run: Run,
  { config, name, slot, services }: SlotContext,
  candidate: LaunchCandidate,
  image: Image,
  deadMan: InstanceFacts["deadMan"],
): InstanceFacts {
  const owner: Owner = { installation: config.installation, run: run.uuid, slot: name, generation: 1 };
  const injected = slot.ssh.hostKey === "inject";
  const hostKey = injected ? hostKeyOf(services.masterSecret, owner).publicKeyLine : slot.ssh.hostKey;
  const request: LaunchRequest = buildLaunchRequest({
    ...candidate,
    owner,
    image,
    securityGroupIds: [slot.securityGroup],
    keyName: slot.keyName,
    rootVolume: rootVolumeOf(slot),
    tags: slot.tags,
    userData: userDataFor(services.masterSecret, { owner, deadMan, hostKey }, injected),
  });
  return {
    region: slot.region,
    owner: owner as Owner & JsonObject,
    request: request as LaunchRequest & JsonObject,
    deadMan,
    hostKey,
    instanceId: null,
    address: null,
  };
}

function rootVolumeOf({ rootVolume }: SlotConfig) {
  const { size, type, iops, throughput } = rootVolume;
  return {
    type,
    ...(size !== undefined && { sizeGiB: size }),
    ...(iops !== undefined && { iops }),
    ...(throughput !== undefined && { throughputMiB: throughput }),
  };
}

async function awaitAddress(
  run: Run,
  { slot, region }: SlotContext,
  owed: Owed<InstanceFacts>,
  instanceId: string,
): Promise<Host & { readonly standing: Standing }> {
  const { address } = slot.ssh;
  const byName = address !== "publicIp" && address !== "privateIp";
  const found = await run.step(
    "Instance runs",
    async (step) => {
      const seen = await region.poller.instance(instanceId, untilRunning(byName ? "privateIp" : address), {
        deadline: (step.deadline ?? step.now()) - 1_000,
        ...watched(step),
        what: "running",
      });
      const reachedAt = byName ? address : seen.address;
      await owed.learn({ address: reachedAt });
      return reachedAt;
    },
    { timeoutMs: RUNNING_WITHIN_MS },
  );
  await run.publish({ instanceId });
  const { hostKey, request } = owed.facts;
  const standing = { instanceId, address: found, ami: request.imageId, sha: run.sha, pr: run.pr };
  return { instanceId, address: found, hostKey, standing };
}
