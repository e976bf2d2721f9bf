import type { KnownBlock, PlanBlock, RichTextBlock, TaskCardBlock } from "@slack/types";
import type { StepView } from "../engine/types.ts";
import { cutText, formatDuration, oneLine } from "../util/format.ts";
import { linkText } from "../util/mrkdwn.ts";
import { keptLeft, stepProgress, timeLeft } from "./estimate.ts";
import { runButtons } from "./slack-actions.ts";
import { countsText, failingTests } from "./slack-tests.ts";
import {
  headLine,
  keptUntil,
  messageText,
  offerText,
  ownError,
  reasonText,
  STATES,
  stepCount,
  WENT_ON,
} from "./slack-text.ts";
import { type Stage, stagesOf, wasPassedOver } from "./stages.ts";
import { hasEnded, type Story } from "./story.ts";

/** Slack publishes no limit for a plan's words; longer ones are no help to anybody. */
const LONGEST_TITLE = 140;
const LONGEST_CARD_TEXT = 600;
/** https://docs.slack.dev/reference/block-kit/blocks/section-block */
const LONGEST_SECTION = 2_900;
const STATUS = {
  pending: "pending",
  running: "in_progress",
  succeeded: "complete",
  failed: "error",
  skipped: "pending",
} as const;

/**
 * The run's message as a native checklist: who and what, a card per stage, what stands, the buttons. Pure.
 * Source of the block's shape: https://docs.slack.dev/reference/block-kit/blocks/plan-block
 */
export function planBlocks(story: Story): KnownBlock[] {
  return [section("head", headLine(story)), plan(story), ...footer(story)];
}

/** The same for workspaces that refuse a plan: the message's text in sections, and the buttons. Pure. */
export function sectionBlocks(story: Story): KnownBlock[] {
  const chunks = inChunks(messageText(story).split("\n"), LONGEST_SECTION);
  return [...chunks.map((text, index) => section(`text-${index}`, text)), ...buttons(story)];
}

function plan(story: Story): PlanBlock {
  const { run, steps } = story;
  // A stage that never began and never will is no part of the plan any more.
  const stages = stagesOf(run, steps).filter(({ state }) => state !== "skipped");
  const title = cutText(
    [stateLine(story), timeLeft(story)].filter((part) => part !== null).join(" · "),
    LONGEST_TITLE,
  );
  return { type: "plan", block_id: "plan", title, tasks: stages.map((stage) => card(stage, story)) };
}

function card(stage: Stage, story: Story): TaskCardBlock {
  const took = stage.took === null ? "" : ` · ${formatDuration(stage.took)}`;
  const details = detailsOf(stage, story);
  const output = outputOf(stage, story);
  return {
    type: "task_card",
    task_id: stage.key,
    title: cutText(`${stage.title}${took}`, LONGEST_TITLE),
    status: STATUS[stage.state],
    ...(details.length > 0 && { details: lines(details) }),
    ...(output.length > 0 && { output: lines(output) }),
  };
}

/** What it is doing now, or what went wrong. */
function detailsOf(stage: Stage, story: Story): string[] {
  const running = stage.steps.filter(({ state }) => state === "running");
  if (running.length > 0) {
    const over = stage.steps.filter(({ state }) => state === "succeeded").length;
    const said = running.map((step) => stepProgress(step, story));
    return over > 0 ? [...said, over === 1 ? "1 step done" : `${over} steps done`] : said;
  }
  const failed = failedIn(stage);
  if (failed.some(({ error }) => error?.code === "tests_failed")) {
    const failing = failingTests(story.run, LONGEST_CARD_TEXT);
    if (failing.length > 0) return failing;
  }
  return failed.flatMap((step) => [
    `${step.name}: ${ownError(step)}`,
    ...(wasPassedOver(step) ? [WENT_ON] : []),
  ]);
}

function failedIn({ steps }: Stage): StepView[] {
  return steps.filter(({ state, error }) => state === "failed" && error?.code !== "no_room_here");
}

function outputOf({ key, state, steps }: Stage, { run }: Story): string[] {
  if (key === "tests") return run.tests === null ? [] : [countsText(run.tests)];
  return state === "succeeded" ? [stepCount(steps)] : [];
}

function stateLine({ run, position, offer, now }: Story): string {
  const from = run.startedAt ?? run.createdAt;
  const took = formatDuration((run.endedAt ?? now) - from);
  if (offer !== null) return `${offer.slot} is reserved for it, waiting for an answer`;
  if (run.state === "queued" && position !== null)
    return `Waiting for ${run.target ?? run.candidates.join(" or ")}, place ${position}`;
  const state = STATES[run.state];
  const words = `${state[0]?.toUpperCase()}${state.slice(1)}`;
  return `${words}${run.outcome !== null && !hasEnded(run) ? ", cleaning up" : ""} · ${took}`;
}

function footer(story: Story): KnownBlock[] {
  const { run, kept, offer, now } = story;
  const turn = offer === null ? [] : [offerText(run, offer)];
  const why =
    run.reason === null || run.state === "succeeded" || isOnCard(run.reason, story)
      ? []
      : [reasonText(run.reason)];
  const stands =
    kept === null
      ? []
      : [
          `${keptUntil(run, kept)}, ${keptLeft(kept.until, now)}${kept.url === null ? "" : ` · ${linkText(kept.url)}`}`,
        ];
  // An empty element is refused, and a reason may be blank.
  const said = [...turn, ...why, ...stands]
    .filter((text) => text.trim() !== "")
    .map((text) => cutText(text, LONGEST_SECTION));
  const context: KnownBlock[] =
    said.length === 0
      ? []
      : [
          {
            type: "context",
            block_id: "foot",
            elements: said.map((text) => ({ type: "mrkdwn", text, verbatim: true })),
          },
        ];
  return [...context, ...buttons(story)];
}

/** A card says what failed; the same words below it would be once too often. */
function isOnCard(reason: string, { run, steps }: Story): boolean {
  return stagesOf(run, steps)
    .flatMap(failedIn)
    .some(({ error }) => error?.message === reason);
}

function buttons(story: Story): KnownBlock[] {
  const actions = runButtons(story);
  return actions.elements.length === 0 ? [] : [actions];
}

function section(id: string, text: string): KnownBlock {
  return {
    type: "section",
    block_id: id,
    text: { type: "mrkdwn", text: cutText(text, LONGEST_SECTION), verbatim: true },
  };
}

/** Rich text takes words as they are: nothing in them is markup, a link or a ping. */
function lines(texts: readonly string[]): RichTextBlock {
  const text = cutText(texts.map(oneLine).join("\n"), LONGEST_CARD_TEXT);
  return {
    type: "rich_text",
    elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }],
  };
}

function inChunks(all: readonly string[], longest: number): string[] {
  const chunks: string[] = [];
  for (const one of all.map((line) => cutText(line, longest))) {
    const last = chunks.at(-1);
    if (last !== undefined && last.length + one.length < longest)
      chunks[chunks.length - 1] = `${last}\n${one}`;
    else chunks.push(one);
  }
  return chunks;
}
