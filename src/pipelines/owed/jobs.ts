import type { Config } from "../../config/index.ts";
import type { ObligationKind, Sibling } from "../../engine/obligation.ts";
import {
  cleanJob,
  createHost,
  type JobTransport,
  localExec,
  parseJobId,
  stopJob,
} from "../../remote/index.ts";
import { sleep } from "../../util/clock.ts";
import type { JsonObject } from "../../util/json.ts";
import type { InstanceFacts } from "./instance.ts";
import { OWED } from "./kinds.ts";

export type JobFacts = JsonObject & {
  readonly jobId: string;
  /** With which its host is reached: the user and the key's name are there. */
  readonly configHash: string;
  /** On which it runs, of a remote one. Not in facts that an older version wrote. */
  readonly instanceId?: string;
  /** Up to which byte its output has been logged. */
  readonly logged?: number;
};

const LOOK_EVERY_MS = 250;

/**
 * A job on the instance. When the instance is to go as well, its end is the job's end; else the job is stopped
 * over SSH, with everything that it started.
 */
export function remoteJobKind(configOf: (hash: string) => Promise<Config>): ObligationKind<JobFacts> {
  return {
    kind: OWED.remoteJob,
    version: 1,
    title: "Stop the job on the instance",
    discharge: async ({ facts, resource, siblings, signal, log }) => {
      for (;;) {
        const instance = (await siblings(OWED.instance)).find((one) => isOn(one, facts));
        if (!instance) return log("The job ended with its instance.");
        if (!instance.isDue)
          return await stopOverSsh(await configOf(facts.configHash), resource, instance, facts, signal);
        await sleep(LOOK_EVERY_MS, signal);
        signal.throwIfAborted();
      }
    },
  };
}

/** While an environment is being replaced two instances are owed. */
function isOn({ facts }: Sibling, { instanceId }: JobFacts): boolean {
  return instanceId === undefined || (facts as InstanceFacts).instanceId === instanceId;
}

async function stopOverSsh(
  config: Config,
  slotName: string,
  instance: Sibling,
  facts: JobFacts,
  signal: AbortSignal,
): Promise<void> {
  const { address, hostKey } = instance.facts as InstanceFacts;
  const slot = config.slots[slotName];
  if (!slot || address === null) throw new Error(`${slotName} cannot be reached to stop job ${facts.jobId}.`);
  const { user, port, privateKey, reconnectWithin } = slot.ssh;
  const host = createHost(async () => ({ host: address, port, user, privateKey, hostKey }), {
    signal,
    reconnectWithinMs: reconnectWithin,
  });
  try {
    await clearAway(host, facts, signal);
  } finally {
    host.close();
  }
}

/** A job on the bot's own machine: Playwright, a local program, a playbook. */
export function localJobKind(jobsFolder: string): ObligationKind<JobFacts> {
  return {
    kind: OWED.localJob,
    version: 1,
    title: "Stop the job on the bot's machine",
    discharge: async ({ facts, signal }) => {
      await clearAway(localExec(jobsFolder), facts, signal);
    },
  };
}

/** Ends the job and removes its output, which may tell secrets. */
async function clearAway(transport: JobTransport, { jobId }: JobFacts, signal: AbortSignal): Promise<void> {
  const id = parseJobId(jobId);
  await stopJob(transport, id, signal);
  await cleanJob(transport, id, signal);
}
