import type { Owed } from "../../engine/owed.ts";
import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import {
  type Outage,
  REMOTE_FAULTS,
  RemoteError,
  type RemoteFault,
  type Host as RemoteHost,
} from "../../remote/index.ts";
import { messageOf } from "../../util/errors.ts";
import { formatTime } from "../../util/format.ts";
import type { InstanceFacts, OutageRecord } from "../owed/instance.ts";

/**
 * While the step works on a host that was lost, whoever watches it sees that it waits for the connection, and
 * until when. @returns ends the telling
 */
export function tellOutages(step: Step, remote: RemoteHost): () => void {
  let last: Outage | undefined;
  return remote.watch((outage) => {
    last = outage ?? last;
    if (last === undefined) return;
    const lost = `SSH connection lost at ${formatTime(last.since)}`;
    step.detail(
      outage === null
        ? `${lost}, connected again`
        : `${lost}, connecting again until ${formatTime(last.until)}`,
    );
  });
}

/** The outage that the instance was in when an earlier process of the bot worked on it. */
export function knownOutage({ facts }: Owed<InstanceFacts>): Outage | undefined {
  const { outage } = facts;
  if (!outage) return undefined;
  const { code, message, remedy, since, until } = outage;
  // A later version may know other codes; that the connection was lost is true of every one.
  const known: RemoteFault = REMOTE_FAULTS.find((fault) => fault === code) ?? "ssh_connection_lost";
  return { fault: new RemoteError(known, message, remedy === null ? {} : { remedy }), since, until };
}

/** Writes outages down with the instance: their deadline does not begin anew when the bot starts again. */
export function recordOutages(
  run: Run,
  remote: RemoteHost,
  owed: Owed<InstanceFacts>,
): { readonly end: () => Promise<void> } {
  let writing = Promise.resolve();
  const unwatch = remote.watch((outage) => {
    const record = outage === null ? null : recordOf(outage);
    writing = writing
      .then(() => owed.learn({ outage: record }))
      .catch((error) => run.log(`The outage could not be written down: ${messageOf(error)}`));
  });
  return {
    end: async () => {
      unwatch();
      await writing;
    },
  };
}

function recordOf({ fault, since, until }: Outage): OutageRecord {
  return { code: fault.code, message: fault.message, remedy: fault.remedy ?? null, since, until };
}
