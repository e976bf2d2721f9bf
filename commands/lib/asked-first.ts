import type { Config } from "../../src/config/index.ts";
import type { Person } from "../../src/engine/types.ts";
import { slackUserOf } from "../../src/util/mention.ts";

/** Commands of people; whatever else begins runs (a merge, say) has nobody who waits for them. */
const BY_PEOPLE: ReadonlySet<string> = new Set(["slack", "github"]);

/**
 * After how long a wait a run's requester is asked before it begins, in ms; null: it begins by itself, since nobody
 * wants it otherwise or they cannot be asked in Slack.
 */
export function askedAfter(
  { queue, access, slack, environments }: Config,
  run: { readonly resource: string; readonly requestedBy: Person; readonly via: string },
): number | null {
  if (slack === undefined || Object.hasOwn(environments, run.resource)) return null;
  const canAnswer = BY_PEOPLE.has(run.via) && slackUserOf(run.requestedBy.id, access.people) !== null;
  return canAnswer ? queue.offerAfter : null;
}
