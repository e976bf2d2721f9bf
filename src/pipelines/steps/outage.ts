import type { Step } from "../../engine/step.ts";
import type { Outage, Host as RemoteHost } from "../../remote/index.ts";
import { formatTime } from "../../util/format.ts";

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
