import { calls, messages } from "../../../sandbox/client.ts";
import type { Call } from "../../../sandbox/front/calls.ts";
import { eventually, messageOf } from "./scene.ts";
import type { Stand } from "./stand.ts";

/**
 * What a bot's messages are known by: `message` and `stage:…` of each run, and the outbox's own. Read past Slack's
 * front: what is counted there is what the bot asks for.
 */
export async function marks(stand: Stand): Promise<string[]> {
  const all = (await messages(stand.yard.json)).flatMap((message) => [message, ...message.thread]);
  return all.flatMap(({ metadata }) => {
    const said = metadata as { event_payload?: { of?: string; keys?: string } } | null;
    const { of, keys = "" } = said?.event_payload ?? {};
    return keys.split("\n").flatMap((key) => (key === "" ? [] : [`${of} ${key}`]));
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
