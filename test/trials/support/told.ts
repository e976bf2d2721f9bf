import { webApi } from "@slack/bolt";
import { calls } from "../../../sandbox/client.ts";
import type { Call } from "../../../sandbox/front/calls.ts";
import { eventually, messageOf } from "./scene.ts";
import type { Stand } from "./stand.ts";

/** What a bot's messages are known by: `message` and `stage:…` of each run, and the outbox's own. */
export async function marks(stand: Stand): Promise<string[]> {
  const { api, botToken, channel } = stand.yard.json.slack;
  const client = new webApi.WebClient(botToken, { slackApiUrl: api });
  const { messages } = await client.conversations.history({
    channel,
    limit: 200,
    include_all_metadata: true,
  });
  const all = [...(messages ?? [])];
  for (const { ts, reply_count: count } of messages ?? []) {
    if (ts === undefined || !count) continue;
    const thread = await client.conversations.replies({ channel, ts, include_all_metadata: true });
    all.push(...(thread.messages ?? []).filter((reply) => reply.ts !== ts));
  }
  return all.flatMap(({ metadata }) => {
    const payload = metadata?.event_payload as { of?: string; keys?: string } | undefined;
    return (payload?.keys ?? "").split("\n").flatMap((key) => (key === "" ? [] : [`${payload?.of} ${key}`]));
  });
}

export function twice(all: readonly string[]): string[] {
  return all.filter((one, index) => all.indexOf(one) !== index);
}

/** The replies of a run's thread, once it and the run's message are complete. */
export async function told(stand: Stand, id: number): Promise<string[]> {
  const found = await eventually(
    `run ${id} told`,
    () => messageOf(stand, id),
    (message) =>
      message?.thread.at(-1)?.files.length === 1 && / succeeded · |\nsucceeded · /.test(message.text),
    120_000,
  );
  return (found?.thread ?? []).map(({ text }) => text);
}

export async function slackCalls(stand: Stand): Promise<readonly Call[]> {
  return await calls(stand.yard.json, "slack");
}

/** The texts of runs' messages that Slack took since its so-manyth call. */
export async function shownSince(stand: Stand, since: number, ids: readonly number[]): Promise<string[]> {
  return (await slackCalls(stand))
    .slice(since)
    .filter(({ action, status, error }) => action.startsWith("chat.") && status === 200 && !error)
    .map(({ parameters }) => String(parameters.text))
    .filter((text) => ids.some((id) => text.includes(`· run #${id} by`)));
}

/** How long a run worked by its own journal, in ms: from its first step's beginning to its last one's end. */
export function workedMs(stand: Stand, id: number): number {
  const steps = stand.trial.journal.steps(id);
  const from = Math.min(...steps.map((step) => step.started_at ?? Number.POSITIVE_INFINITY));
  return Math.max(...steps.map((step) => step.ended_at ?? 0)) - from;
}
