import { askedAfter } from "../../commands/lib/asked-first.ts";
import type { Config } from "../config/index.ts";
import type { HandOff } from "../engine/types.ts";

/**
 * Whose turn is offered, by today's configuration: of those who have waited long and can be asked in Slack. Nobody
 * else is held up.
 */
export function handOffBy(config: () => Config): HandOff {
  return (turn) => {
    const { queue } = config();
    const after = askedAfter(config(), turn);
    const canAnswer = after !== null && turn.waitedMs >= after;
    return canAnswer ? queue.offerFor : null;
  };
}
