import type { RunView, StepView, TestCounts } from "../engine/types.ts";
import { formatDuration } from "../util/format.ts";
import type { JsonValue } from "../util/json.ts";
import { mentionOf } from "../util/mention.ts";
import { stepProgress, timeLeft } from "./estimate.ts";
import { stagesOf } from "./stages.ts";
import { hasEnded, type Kept, type Reply, type Story } from "./story.ts";

/** Slack shows the first part of a longer text; the newest steps are what people look for. */
const MOST_STEPS = 40;
const MOST_FAILURES = 20;
const LONGEST_ERROR = 600;

const MARKS = { pending: "○", running: "▸", succeeded: "✓", failed: "✗", skipped: "–" } as const;
export const STATES = {
  queued: "waiting in the queue",
  waiting: "waiting",
  running: "running",
  succeeded: "succeeded",
  failed: "failed",
  cancelled: "cancelled",
} as const;

/** `&`, `<` and `>` are Slack's only markup that could ping or link; escaped, text stays text. */
export function escapeMrkdwn(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** What, which run, by whom, which commit. Pure. */
export function headLine({ run }: Story): string {
  const target = run.target ?? run.candidates.join(" or ");
  const what = `*${run.kind[0]?.toUpperCase()}${run.kind.slice(1)} of ${escapeMrkdwn(target)}*`;
  const commit = run.sha === null ? "" : ` · \`${run.sha.slice(0, 7)}\``;
  return `${what} · run #${run.id} by ${whoOf(run)}${commit}`;
}

/** In Slack a person is mentioned as Slack does it; others by name. */
function whoOf({ requestedBy }: RunView): string {
  return mentionOf(requestedBy.id) ?? escapeMrkdwn(requestedBy.name);
}

/** The run's message, edited in place. Pure. */
export function messageText(story: Story): string {
  const { run, steps, now, kept } = story;
  const from = run.startedAt ?? run.createdAt;
  const left = timeLeft(story);
  const { instanceId } = run.facts;
  const instance = typeof instanceId === "string" ? ` · ${escapeMrkdwn(instanceId)}` : "";
  const state = `${STATES[run.state]}${run.outcome && !hasEnded(run) ? ", cleaning up" : ""} · ${formatDuration((run.endedAt ?? now) - from)}${left === null ? "" : ` · ${left}`}${instance}`;
  const shown = steps.slice(-MOST_STEPS).map((step) => stepLine(step, story));
  const earlier = steps.length > MOST_STEPS ? [`… ${steps.length - MOST_STEPS} earlier steps`] : [];
  const tests = run.tests ? [countsText(run.tests)] : [];
  const why = run.reason !== null && run.state !== "succeeded" ? [escapeMrkdwn(run.reason)] : [];
  return [headLine(story), state, ...why, ...earlier, ...shown, ...tests, ...keptText(kept)].join("\n");
}

function stepLine(step: StepView, story: Story): string {
  const error = step.error === null ? "" : `: ${escapeMrkdwn(cut(ownError(step), 200))}`;
  if (step.state === "running") return `${MARKS.running} ${escapeMrkdwn(stepProgress(step, story))}${error}`;
  const took =
    step.startedAt !== null && step.endedAt !== null
      ? ` ${formatDuration(step.endedAt - step.startedAt)}`
      : "";
  return `${MARKS[step.state]} ${escapeMrkdwn(step.name)}${took}${error}`;
}

/** The error as it is told beside the step's name: without the name. */
export function ownError({ name, error }: StepView): string {
  const message = error?.message ?? "";
  const named = `Step "${name}" failed: `;
  return message.startsWith(named) ? message.slice(named.length) : message;
}

/** In the reader's own time zone. */
function keptText(kept: Kept | null): string[] {
  if (kept === null) return [];
  const url = kept.url === null ? "" : ` at ${escapeMrkdwn(kept.url)}`;
  return [`Kept until ${slackDate(kept.until)}${url}`];
}

/** https://docs.slack.dev/messaging/formatting-message-text#date-formatting */
export function slackDate(at: number): string {
  const seconds = Math.floor(at / 1000);
  return `<!date^${seconds}^{date_short_pretty} {time}|${new Date(at).toISOString()}>`;
}

export function countsText({ passed, failed, flaky, skipped, notRun }: TestCounts): string {
  const parts = [`${passed} passed`, `${failed} failed`];
  if (flaky > 0) parts.push(`${flaky} flaky`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (notRun > 0) parts.push(`${notRun} not run`);
  return `Tests: ${parts.join(", ")}`;
}

/**
 * Steps that were stopped because of something else did not fail themselves: that has its own reply. An attempt
 * without room is followed by another one, or by the run's own failure.
 */
const TOLD_ELSEWHERE = new Set(["stopped_beside_failure", "cancelled", "no_room_here"]);
const VERDICT = "Judge the results";

/** The replies that the run's thread should have by now, in their order. Pure. */
export function threadReplies(story: Story): Reply[] {
  const failed = story.steps.filter(
    ({ state, error, name }) =>
      state === "failed" && name !== VERDICT && !TOLD_ELSEWHERE.has(error?.code ?? ""),
  );
  const replies: Reply[] = [
    ...stageReplies(story),
    ...failed.map((step) => ({ key: `failed:${step.path}`, text: failureText(story, step) })),
  ];
  const tests = testsText(story);
  if (tests !== null) replies.push({ key: "tests", text: tests });
  if (hasEnded(story.run)) replies.push({ key: "end", text: endText(story) });
  return replies;
}

function stageReplies({ run, steps }: Story): Reply[] {
  return stagesOf(run, steps).flatMap(({ key, done, state, steps, took }) => {
    if (state !== "succeeded" || done === null || took === null) return [];
    const many = steps.length === 1 ? "1 step" : `${steps.length} steps`;
    return [{ key: `stage:${key}`, text: `✓ ${done} (${many}, ${formatDuration(took)}).`, brief: true }];
  });
}

function failureText(story: Story, step: StepView): string {
  const tail = story.tails.get(step.path) ?? [];
  const remedy = step.error?.remedy === undefined ? [] : [escapeMrkdwn(step.error.remedy)];
  const output = tail.length === 0 ? [] : [`\`\`\`\n${escapeMrkdwn(tail.join("\n"))}\n\`\`\``];
  return [
    `✗ *${escapeMrkdwn(step.name)}* failed: ${escapeMrkdwn(cut(ownError(step), LONGEST_ERROR))}`,
    ...output,
    ...remedy,
  ].join("\n");
}

interface Failure {
  readonly browser: string;
  readonly title: string;
  readonly place: string;
  readonly message: string;
}

function testsText({ run }: Story): string | null {
  if (!run.tests) return null;
  const failures = failuresOf(run.facts.failures);
  const shown = failures.slice(0, MOST_FAILURES).map((failure) => {
    const where = failure.place === "" ? "" : ` (${escapeMrkdwn(failure.place)})`;
    return `✗ [${escapeMrkdwn(failure.browser)}] ${escapeMrkdwn(failure.title)}${where}\n\`\`\`\n${escapeMrkdwn(cut(failure.message, LONGEST_ERROR))}\n\`\`\``;
  });
  const more = failures.length > MOST_FAILURES ? [`… and ${failures.length - MOST_FAILURES} more`] : [];
  const notRun = Array.isArray(run.facts.notRun)
    ? run.facts.notRun.map((line) => `– ${escapeMrkdwn(String(line))}`)
    : [];
  return [countsText(run.tests), ...shown, ...more, ...notRun].join("\n");
}

function failuresOf(value: JsonValue | undefined): Failure[] {
  if (!Array.isArray(value)) return [];
  return value.map((entry) => {
    const failure = (entry ?? {}) as Record<string, JsonValue | undefined>;
    const line = typeof failure.line === "number" ? `:${failure.line}` : "";
    return {
      browser: String(failure.browser ?? ""),
      title: String(failure.title ?? ""),
      place: failure.file === undefined ? "" : `${failure.file}${line}`,
      message: String(failure.message ?? ""),
    };
  });
}

function endText({ run, steps, kept }: Story): string {
  const took = formatDuration((run.endedAt ?? run.createdAt) - (run.startedAt ?? run.createdAt));
  const head = `Run #${run.id} ${STATES[run.state]} after ${took}.`;
  const why = run.reason !== null && run.state !== "succeeded" ? [escapeMrkdwn(run.reason)] : [];
  const undone = steps.filter((step) => step.kind === "cleanup" && step.state === "succeeded").length;
  const cleaned =
    undone > 0 ? [`Cleaned up: ${undone} of ${steps.filter((step) => step.kind === "cleanup").length}.`] : [];
  return [head, ...why, ...cleaned, ...keptText(kept)].join("\n");
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)} …`;
}
