import type { RunView, StepView } from "../engine/types.ts";
import { formatDuration, formatStepTime, oneLine } from "../util/format.ts";
import { runTitle } from "./run-title.ts";
import { STATES } from "./slack-text.ts";
import { isAboutCommit, type Stage, stagesOf } from "./stages.ts";

/** Where a run's time went, as a picture: everything in it is measured, so that drawing it takes no decision. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  /** The field of the bars. */
  readonly field: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly ticks: readonly Tick[];
  readonly rows: readonly Row[];
  /** What was left out; empty when nothing was. */
  readonly foot: string;
}

export interface Tick {
  readonly x: number;
  readonly label: string;
}

export interface Row {
  readonly kind: "stage" | "step";
  readonly y: number;
  readonly height: number;
  readonly label: string;
  readonly state: BarState;
  /** Null when it never began. */
  readonly bar: { readonly x: number; readonly width: number } | null;
  /** How long it took and, where it did not go well, the word for that: no one need tell colours apart. */
  readonly note: string;
}

export type BarState = "succeeded" | "failed" | "running" | "skipped";

const WIDTH = 1_200;
const MARGIN = 24;
const LABELS = 360;
const NOTES = 150;
const TOP = 116;
const BOTTOM = 36;
const ROW_HEIGHT = { stage: 32, step: 24 } as const;
const NARROWEST_BAR = 3;
/** More rows than this nobody reads, nor does Slack show them well. */
const MOST_STEPS = 60;
const MOST_TICKS = 8;
const MINUTE = 60_000;
/** Distances between the axis's marks that people can count in, in ms. */
const TICKS = [1_000, 2_000, 5_000, 10_000, 15_000, 30_000].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1_440].map((minutes) => minutes * MINUTE),
);
const MARKS = { succeeded: "", failed: "✗ failed, ", running: "▸ running, ", skipped: "skipped, " } as const;

/** Lays out a bar for each step, grouped by stage, on an axis from the run's start. Pure. */
export function timelineOf(run: RunView, steps: readonly StepView[], now: number): Chart {
  const from = run.startedAt ?? run.createdAt;
  const begun = steps.filter(({ startedAt }) => startedAt !== null);
  const to = Math.max(run.endedAt ?? now, from + 1_000, ...begun.map(({ endedAt }) => endedAt ?? now));
  const { shown, left } = worthShowing(begun, now);
  const field = { x: MARGIN + LABELS, y: TOP, width: WIDTH - 2 * MARGIN - LABELS - NOTES };
  const at = (time: number) => field.x + (clamp(time - from, 0, to - from) / (to - from)) * field.width;
  const barOf = (start: number, end: number) => {
    const width = Math.max(NARROWEST_BAR, at(end) - at(start));
    return { x: Math.min(at(start), field.x + field.width - width), width };
  };
  let y = TOP;
  const place = (row: Omit<Row, "y" | "height">): Row => {
    const height = ROW_HEIGHT[row.kind];
    y += height;
    return { ...row, y: y - height, height };
  };
  const rows = groupsOf(run, shown).flatMap(({ title, state, steps: inside }) => {
    const start = Math.min(...inside.map((step) => step.startedAt ?? to));
    const end = Math.max(...inside.map((step) => step.endedAt ?? now));
    return [
      place({
        kind: "stage",
        label: title,
        state,
        bar: barOf(start, end),
        note: formatStepTime(end - start),
      }),
      ...inside.map((step) => {
        const [started, ended] = [step.startedAt ?? from, step.endedAt ?? now];
        const took = formatStepTime(ended - started);
        const look = lookOf(step);
        const bar = barOf(started, ended);
        return place({
          kind: "step",
          label: plain(step.name),
          state: look,
          bar,
          note: `${MARKS[look]}${took}`,
        });
      }),
    ];
  });
  return {
    width: WIDTH,
    height: y + BOTTOM,
    title: plain(`${runTitle(run)}, run #${run.id}: where the time went`),
    subtitle: plain(subtitleOf(run, from, to)),
    field: { ...field, height: y - TOP },
    ticks: ticksOf(to - from).map((ms) => ({ x: at(from + ms), label: tickLabel(ms, to - from) })),
    rows,
    foot: left === 0 ? "" : `${left} shorter steps are not shown.`,
  };
}

interface Group {
  readonly title: string;
  readonly state: BarState;
  readonly steps: readonly StepView[];
}

/** By stage, each where its first step began; what belongs to none stands together. */
function groupsOf(run: RunView, steps: readonly StepView[]): Group[] {
  const stages = stagesOf(run, steps).filter(({ steps }) => steps.length > 0);
  const staged = new Set(stages.flatMap((stage) => stage.steps));
  const rest = steps.filter((step) => !staged.has(step) && !isAboutCommit(step));
  const groups = stages.map((stage) => ({
    title: stage.title,
    state: stateOf(stage),
    steps: byStart(stage.steps),
  }));
  if (rest.length > 0) {
    const title = groups.length === 0 ? "Steps" : "Beside it";
    groups.push({ title, state: "succeeded", steps: byStart(rest) });
  }
  return groups.sort((a, b) => (a.steps[0]?.startedAt ?? 0) - (b.steps[0]?.startedAt ?? 0));
}

function byStart(steps: readonly StepView[]): StepView[] {
  return steps.toSorted((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
}

function stateOf({ state }: Stage): BarState {
  return state === "pending" ? "skipped" : state;
}

function lookOf({ state }: StepView): BarState {
  return state === "pending" ? "skipped" : state;
}

/** The longest and those that failed; the rest is counted. */
function worthShowing(steps: readonly StepView[], now: number): { shown: readonly StepView[]; left: number } {
  if (steps.length <= MOST_STEPS) return { shown: steps, left: 0 };
  const weight = (step: StepView) =>
    step.state === "failed" ? Number.POSITIVE_INFINITY : (step.endedAt ?? now) - (step.startedAt ?? now);
  const kept = new Set(steps.toSorted((a, b) => weight(b) - weight(a)).slice(0, MOST_STEPS));
  return { shown: steps.filter((step) => kept.has(step)), left: steps.length - MOST_STEPS };
}

function subtitleOf(run: RunView, from: number, to: number): string {
  const waited = from - run.createdAt;
  const when = new Date(from).toISOString().slice(0, 16).replace("T", " ");
  return [
    `${STATES[run.state]} · ${formatDuration((run.endedAt ?? to) - from)}`,
    `begun ${when} UTC by ${run.requestedBy.name}`,
    ...(run.sha === null ? [] : [run.sha.slice(0, 7)]),
    ...(waited >= MINUTE ? [`after ${formatDuration(waited)} in the queue`] : []),
  ].join(" · ");
}

function ticksOf(span: number): number[] {
  const apart =
    TICKS.find((each) => span / each <= MOST_TICKS) ?? Math.ceil(span / MOST_TICKS / MINUTE) * MINUTE;
  return Array.from({ length: Math.floor(span / apart) + 1 }, (_, index) => index * apart);
}

/** In minutes; in a short run with their seconds. */
function tickLabel(ms: number, span: number): string {
  if (ms === 0) return "0 min";
  if (span > 4 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  return `${Math.floor(ms / MINUTE)}:${String(Math.round((ms % MINUTE) / 1_000)).padStart(2, "0")} min`;
}

/** Without what the picture's font cannot show: emoji, and characters that steer a terminal or a line. */
function plain(text: string): string {
  return oneLine(text.toWellFormed())
    .replaceAll(/\p{Extended_Pictographic}|\p{Emoji_Modifier}|[\u200d\ufe0f]/gu, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
