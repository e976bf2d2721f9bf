import { AwsFault, InstanceDied, isPassing } from "../../cloud/index.ts";
import type { Owed } from "../../engine/owed.ts";
import type { Run } from "../../engine/run.ts";
import { createHost, type Host as RemoteHost, type SshTarget } from "../../remote/index.ts";
import { SlipwayError } from "../../util/errors.ts";
import type { JsonObject } from "../../util/json.ts";
import type { InstanceFacts } from "../owed/instance.ts";
import { OWED } from "../owed/kinds.ts";
import type { SlotContext } from "../services.ts";
import { ensureIngress } from "./ingress.ts";
import type { Host } from "./instance.ts";
import { knownOutage, recordOutages } from "./outage.ts";
import type { Subject } from "./service-update.ts";

/** The instance that stands on the slot. @throws SlipwayError `nothing_there` */
export async function standingHost(run: Run, context: SlotContext): Promise<Host> {
  const owed: Owed<InstanceFacts>[] = await run.owed<InstanceFacts>(OWED.instance);
  for (const { facts } of owed) {
    if (facts.instanceId !== null && facts.address !== null) {
      return { instanceId: facts.instanceId, address: facts.address, hostKey: facts.hostKey };
    }
  }
  throw new SlipwayError("nothing_there", `No instance stands on ${context.name}.`, {
    remedy: `Launch one: /stg launch ${context.name} --keep`,
  });
}

/** The commit of what stands on the slot, as it was described when it was launched. */
export async function standingSubject(run: Run): Promise<Subject & JsonObject> {
  const { sha, ref, pr } = await run.described();
  return {
    sha: typeof sha === "string" ? sha : null,
    ref: typeof ref === "string" ? ref : null,
    pr: typeof pr === "number" ? pr : null,
  };
}

export function sshTarget(context: SlotContext, host: Host): SshTarget {
  const { port, user, privateKey } = context.slot.ssh;
  return { host: host.address, port, user, privateKey, hostKey: host.hostKey };
}

/**
 * Works on the instance over SSH. The connection is made on demand and again when it was lost; should the bot's
 * own address have changed meanwhile, or somebody have closed the port, it is opened again.
 *
 * @throws InstanceDied when the connection was lost because AWS has no such instance running any more.
 */
export async function withHost<T>(
  run: Run,
  context: SlotContext,
  host: Host,
  work: (remote: RemoteHost) => Promise<T>,
): Promise<T> {
  const owed = (await run.owed<InstanceFacts>(OWED.instance)).find(
    ({ facts }) => facts.instanceId === host.instanceId,
  );
  const outage = owed && knownOutage(owed);
  const remote = createHost(async () => sshTarget(context, host), {
    signal: run.signal,
    reconnectWithinMs: context.slot.ssh.reconnectWithin,
    ...(outage && { outage }),
    onLost: (fault) => run.log(`${fault.message} Connecting again.`),
    onReconnect: () => mendTheWay(run, context, host),
  });
  const record = owed && recordOutages(run, remote, owed);
  try {
    return await work(remote);
  } finally {
    remote.close();
    await record?.end();
  }
}

/** Looks why the instance is not reached. AWS's own passing faults are waited out like the connection's. */
async function mendTheWay(run: Run, context: SlotContext, { instanceId }: Host): Promise<void> {
  const { signal } = run;
  const log = (line: string) => run.log(line);
  try {
    const instance = (await context.region.ec2.findInstances([instanceId], { signal })).get(instanceId);
    if (instance && instance.state !== "running" && instance.state !== "pending")
      throw new InstanceDied(instance);
    await ensureIngress(run, context, { signal }, log, { look: true });
  } catch (error) {
    if (!(error instanceof AwsFault) || !isPassing(error)) throw error;
    log(`Not known why ${instanceId} is not reached: ${error.message}`);
  }
}

/** A machine that boots is not reached for a while; when it stays so, it is looked why, this often. In ms. */
const LOOK_EVERY_MS = 10_000;
/** The step's own limit comes so much later, in ms, so that the true reason is told and not "it took too long". */
const LAST_TRY_MS = 5_000;

/**
 * Waits until the SSH server answers with the pinned key and lets the bot in.
 *
 * @throws RemoteError the last fault, when the time is over; InstanceDied when there is nothing to wait for.
 */
export async function awaitSsh(
  run: Run,
  context: SlotContext,
  host: Host,
  remote: RemoteHost,
): Promise<void> {
  const { readyWithin } = context.slot.ssh;
  await run.step(
    "SSH answers",
    async (step) => {
      const hopeless = new AbortController();
      let told = "";
      let lookedAt = step.now();
      let looking = Promise.resolve();
      const look = () => {
        if (step.now() - lookedAt < LOOK_EVERY_MS) return;
        lookedAt = step.now();
        looking = mendTheWay(run, context, host).catch((error) => hopeless.abort(error));
      };
      try {
        await remote.waitUntilReady({
          deadline: (step.deadline ?? step.now()) - LAST_TRY_MS,
          signal: AbortSignal.any([step.signal, hopeless.signal]),
          onAttempt: ({ fault }) => {
            if (fault.message !== told) {
              step.log(fault.message);
              step.detail(`not yet: ${fault.message}`);
            }
            told = fault.message;
            look();
          },
        });
      } finally {
        await looking;
      }
    },
    { timeoutMs: readyWithin + LAST_TRY_MS },
  );
}
