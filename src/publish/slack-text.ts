import type { RunView, StepView } from "../engine/types.ts";
import { formatDuration, slackDate } from "../util/format.ts";
import { mentionOf } from "../util/mention.ts";
import { adviceWithin, codeBlock, escapedWithin, linkText } from "../util/mrkdwn.ts";
import { stepProgress, timeLeft } from "./estimate.ts";
import { runTitle } from "./run-title.ts";
import { countsText, testReplies } from "./slack-tests.ts";
import { type Stage, stagesOf, wasPassedOver } from "./stages.ts";
import { type Ended, hasEnded, type Kept, type Reply, type Story } from "./story.ts";

/** Slack shows the first part of a longer text; the newest steps are what people look for. */
const MOST_STEPS = 40;
/** Slack refuses an edit beyond 4,000 characters. */
const LONGEST_MESSAGE = 3_700;
const LONGEST_ERROR = 600;
const LONGEST_TAIL = 1_400;
/** Of a name that people gave: of a step, a slot, a person. */
const LONGEST_NAME = 150;
const LONGEST_REASON = 1_000;

const MARKS = { pending: "○", running: "▸", succeeded: "✓", failed: "✗", skipped: "–" } as const;
export const STATES = {
  queued: "waiting in the queue",
  waiting: "waiting",
  running: "running",
  succeeded: "succeeded",
  failed: "failed",
  cancelled: "cancelled",
} as const;

/** What, which run, by whom, which commit. Pure. */
export function headLine({ run }: Story): string {
  const what = `*${escapedWithin(runTitle(run), LONGEST_NAME)}*`;
  const commit = run.sha === null ? "" : ` · \`${run.sha.slice(0, 7)}\``;
  return `${what} · run #${run.id} by ${whoOf(run)}${commit}`;
}

/** In Slack a person is mentioned as Slack does it; others by name. */
function whoOf({ requestedBy }: RunView): string {
  return mentionOf(requestedBy.id) ?? escapedWithin(requestedBy.name, LONGEST_NAME);
}

/** Why, cut where nobody reads on. */
export function reasonText(reason: string): string {
  return escapedWithin(reason, LONGEST_REASON);
}

/** The run's message, edited in place. Pure. */
export function messageText(story: Story): string {
  const { run, steps, now, offer, position } = story;
  const place = run.state !== "queued" || position === null || offer !== null ? "" : `, place ${position}`;
  const from = run.startedAt ?? run.createdAt;
  const left = timeLeft(story);
  const { instanceId } = run.facts;
  const instance = typeof instanceId === "string" ? ` · ${escapedWithin(instanceId, LONGEST_NAME)}` : "";
  const state = `${STATES[run.state]}${place}${run.outcome && !hasEnded(run) ? ", cleaning up" : ""} · ${formatDuration((run.endedAt ?? now) - from)}${left === null ? "" : ` · ${left}`}${instance}`;
  const tests = run.tests ? [countsText(run.tests)] : [];
  const why = run.reason !== null && run.state !== "succeeded" ? [reasonText(run.reason)] : [];
  const turn = offer === null ? [] : [offerText(run, offer)];
  const head = [headLine(story), state, ...turn, ...why];
  const foot = [...tests, ...keptText(story)];
  const room = LONGEST_MESSAGE - [...head, ...foot].join("\n").length;
  return [
    ...head,
    ...newest(
      steps.map((step) => stepLine(step, story)),
      room,
    ),
    ...foot,
  ].join("\n");
}

/** That its turn has come, until when, and what then. Pure. */
export function offerText({ id }: RunView, { slot, until }: NonNullable<Story["offer"]>): string {
  const what = `Its turn has come: *${escapedWithin(slot, LONGEST_NAME)}* is reserved for it until ${slackDate(until)}.`;
  return `${what} *Start now* (\`/stg start ${id}\`) begins it, *Pass* gives the turn up. Without an answer it leaves the queue then.`;
}

/** The last lines for which there is room. */
function newest(lines: readonly string[], room: number): string[] {
  let left = room;
  const first = lines.findLastIndex((line, index) => {
    left -= line.length + 1;
    return left < 0 || lines.length - index > MOST_STEPS;
  });
  const earlier = first + 1;
  return earlier === 0
    ? [...lines]
    : [`… ${earlier} earlier ${earlier === 1 ? "step" : "steps"}`, ...lines.slice(earlier)];
}

function stepLine(step: StepView, story: Story): string {
  const error = step.error === null ? "" : `: ${escapedWithin(ownError(step), 200)}`;
  if (step.state === "running")
    return `${MARKS.running} ${escapedWithin(stepProgress(step, story), LONGEST_NAME + 100)}${error}`;
  const took =
    step.startedAt !== null && step.endedAt !== null
      ? ` ${formatDuration(step.endedAt - step.startedAt)}`
      : "";
  return `${MARKS[step.state]} ${escapedWithin(step.name, LONGEST_NAME)}${took}${error}`;
}

/** The error as it is told beside the step's name: without the name. */
export function ownError({ name, error }: StepView): string {
  const message = error?.message ?? "";
  const named = `Step "${name}" failed: `;
  return message.startsWith(named) ? message.slice(named.length) : message;
}

/** In the reader's own time zone. */
function keptText({ run, kept }: Story): string[] {
  if (kept === null) return [];
  const url = kept.url === null ? "" : ` at ${linkText(kept.url)}`;
  return [`${keptUntil(run, kept)}${url}`];
}

/** Until when what stands there does, and whose it is when it is not this run's. Pure. */
export function keptUntil(run: RunView, kept: Kept): string {
  const whose = kept.run === run.id ? "Kept" : `The environment of run #${kept.run} stands`;
  return `${whose} until ${slackDate(kept.until)}`;
}

/**
 * Steps that were stopped because of something else did not fail themselves: that has its own reply. An attempt
 * without room is followed by another one, or by the run's own failure.
 */
const TOLD_ELSEWHERE = new Set(["stopped_beside_failure", "cancelled", "no_room_here"]);
/** Told by the tests' results, unless the suite left none: then by its last lines. */
const VERDICT = "Judge the results";

/** The replies that the run's thread should have by now, in their order. Pure. */
export function threadReplies(story: Story): Reply[] {
  const failed = story.steps.filter(
    (step) =>
      step.state === "failed" &&
      !(step.name === VERDICT && (story.tails.get(step.path) ?? []).length === 0) &&
      !TOLD_ELSEWHERE.has(step.error?.code ?? "") &&
      !wasPassedOver(step),
  );
  const replies = [...stageReplies(story), ...failed.map((step) => failureReply(story, step))];
  replies.push(...testReplies(story.run));
  if (hasEnded(story.run)) replies.push({ key: "end", text: endText(story) }, ...timelineReply(story));
  if (story.ended !== null) replies.push(environmentReply(story.ended));
  return replies;
}

/** That what the run had left standing stands no more: nobody may be at work who would see it. */
function environmentReply(ended: Ended): Reply {
  const where = `The environment on *${escapedWithin(ended.slot, LONGEST_NAME)}*`;
  const why = escapedWithin(ended.why, LONGEST_REASON);
  if (ended.goneAt === null) {
    const owed = ended.owed.map((one) => escapedWithin(one, LONGEST_ERROR)).join(", ");
    const then =
      "It is tried again by itself, and nothing else launches on the slot before that is confirmed.";
    return {
      key: "environment:stuck",
      text: `${where} has ended (${why}), but is not gone yet: ${owed}. ${then}`,
    };
  }
  const key = "environment:end";
  if (ended.isDeclared)
    return {
      key,
      text: `${where} counts as gone (${why}); that its instance is terminated was not confirmed.`,
    };
  const slot = ended.slotIs === null ? "" : `, ${slotText(ended.slotIs)}`;
  return {
    key,
    text: `${where} ended ${slackDate(ended.goneAt)} (${why}): its instance is terminated${slot}.`,
  };
}

function slotText(slotIs: NonNullable<Ended["slotIs"]>): string {
  return slotIs === "free"
    ? "the slot is free"
    : `the slot stays locked by ${escapedWithin(slotIs.lockedBy, LONGEST_NAME)}`;
}

/** Fewer steps need no picture. */
const WORTH_A_PICTURE = 3;

function timelineReply({ run, steps }: Story): Reply[] {
  if (steps.filter(({ startedAt }) => startedAt !== null).length < WORTH_A_PICTURE) return [];
  const title = `Where the time of run ${run.id} went`;
  const alt = `${title}: a bar for each step, by stage. The run's page tells the same in words.`;
  const picture = { name: `run-${run.id}-timeline.png`, title, alt, from: "timeline" } as const;
  return [{ key: "timeline", text: "Where the time went:", pictures: [picture] }];
}

function failureReply(story: Story, step: StepView): Reply {
  return { key: `failed:${step.path}`, text: failureText(story, step) };
}

/** For each stage what failed in it though the run went on, and that it is over. */
function stageReplies(story: Story): Reply[] {
  return stagesOf(story.run, story.steps).flatMap((stage) => [
    ...stage.steps.filter(wasPassedOver).map((step) => failureReply(story, step)),
    ...doneReply(stage),
  ]);
}

function doneReply({ key, done, state, steps, took }: Stage): Reply[] {
  if (state !== "succeeded" || done === null || took === null) return [];
  const text = `✓ ${done} (${stepCount(steps)}, ${formatDuration(took)}).`;
  return [{ key: `stage:${key}`, text, brief: true }];
}

/** `8 steps`, and how many of them failed though the run went on. */
export function stepCount(steps: Stage["steps"]): string {
  const failed = steps.filter(wasPassedOver).length;
  const many = steps.length === 1 ? "1 step" : `${steps.length} steps`;
  return failed === 0 ? many : `${many}, ${failed} failed`;
}

export const WENT_ON = "The run went on without it, as the configuration says (continueOnError).";

function failureText(story: Story, step: StepView): string {
  const tail = story.tails.get(step.path) ?? [];
  const remedy = step.error?.remedy === undefined ? [] : [adviceWithin(step.error.remedy, LONGEST_REASON)];
  const output = tail.length === 0 ? [] : [codeBlock(tail.join("\n"), LONGEST_TAIL)];
  return [
    `✗ *${escapedWithin(step.name, LONGEST_NAME)}* failed: ${escapedWithin(ownError(step), LONGEST_ERROR)}`,
    ...output,
    ...(wasPassedOver(step) ? [WENT_ON] : remedy),
  ].join("\n");
}

function endText(story: Story): string {
  const { run, steps } = story;
  const took = formatDuration((run.endedAt ?? run.createdAt) - (run.startedAt ?? run.createdAt));
  const head = `Run #${run.id} ${STATES[run.state]} after ${took}.`;
  const why = run.reason !== null && run.state !== "succeeded" ? [reasonText(run.reason)] : [];
  return [head, ...why, ...keptText(story), ...cleanedText(steps, story.kept?.run === run.id)].join("\n");
}

/** What the run created and owed is gone, or how much of it; what it keeps was not owed yet. */
function cleanedText(steps: readonly StepView[], keepsSome: boolean): string[] {
  const all = steps.filter(({ kind }) => kind === "cleanup");
  const done = all.filter(({ state }) => state === "succeeded");
  if (done.length === 0) return [];
  if (done.length === all.length && keepsSome) return ["Everything else is cleaned up."];
  return [done.length === all.length ? "Cleaned up." : `Cleaned up: ${done.length} of ${all.length}.`];
}
