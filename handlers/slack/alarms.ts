import type { Logger } from "pino";
import { bold, code, lines, t, toSlack } from "../../commands/lib/text.ts";
import type { Outbox } from "../../src/engine/outbox.ts";
import type { Change, EngineApi } from "../../src/engine/types.ts";
import { SLACK_SOURCE } from "./entrance.ts";

type Alarm = Extract<Change, { type: "alarm" }>;

export interface AlarmOptions {
  readonly engine: Pick<EngineApi, "onChange">;
  readonly outbox: Pick<Outbox, "enqueue">;
  readonly log: Logger;
  /** Of today's configuration. */
  channel(): string | null;
}

/**
 * Posts the engine's alarms in Slack's channel, where those who use the slots and those who can mend them both are.
 * Each is a message of its own: the edit of an older one tells nobody.
 */
export function postAlarms({ engine, outbox, log, channel }: AlarmOptions): void {
  engine.onChange((change) => {
    const to = channel();
    if (change.type !== "alarm" || to === null) return;
    const message = {
      surface: SLACK_SOURCE,
      kind: "post",
      lane: to,
      body: { text: alarmText(change), channel: to, responseUrl: null },
      dedupeKey: `alarm:${change.key}`,
    };
    outbox.enqueue(message).catch((error) => log.error({ err: error }, "an alarm could not be posted"));
  });
}

function alarmText({ message, resource, over }: Alarm): string {
  if (over) return toSlack(t`✓ ${message}`);
  const clean = `/stg clean ${resource}`;
  return toSlack(
    lines(
      t`⚠ ${bold(`${resource} needs somebody.`)} ${message}`,
      t`Mend what stands in its way. A maintainer tries at once with ${code(clean)}, or frees it with ${code(`${clean} --force`)} after looking in AWS.`,
    ),
  );
}
