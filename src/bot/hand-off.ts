import type { Config } from "../config/index.ts";
import type { HandOff } from "../engine/types.ts";
import { slackUserOf } from "../util/mention.ts";

/** Commands of people; whatever else begins runs (a merge, say) has nobody who waits for them. */
const BY_PEOPLE: ReadonlySet<string> = new Set(["slack", "github"]);

/**
 * Whose turn is offered, by today's configuration: of those who have waited long and can be asked in Slack. Nobody
 * else is held up.
 */
export function handOffBy(config: () => Config): HandOff {
  return ({ resource, requestedBy, via, waitedMs }) => {
    const { queue, access, slack, environments } = config();
    if (slack === undefined || Object.hasOwn(environments, resource)) return null;
    if (queue.offerAfter === null || waitedMs < queue.offerAfter) return null;
    const canAnswer = BY_PEOPLE.has(via) && slackUserOf(requestedBy.id, access.people) !== null;
    return canAnswer ? queue.offerFor : null;
  };
}
