import type { RunView, StepView } from "../engine/types.ts";
import { hasEnded } from "./story.ts";

/** A part of a run that people speak of as one thing. */
export interface Stage {
  readonly key: string;
  /** As a thing to be done: `Update the services`. */
  readonly title: string;
  /** As a fact: `The services are updated`; null where another reply tells it better. */
  readonly done: string | null;
  readonly state: "pending" | "running" | "succeeded" | "failed" | "skipped";
  readonly steps: readonly StepView[];
  /** From its first step's start to its last one's end, in ms; null while it has not begun or not ended. */
  readonly took: number | null;
}

interface StageKind {
  readonly key: string;
  readonly title: string;
  readonly done: string | null;
  /** Kinds of runs that have it ahead of them from their start. */
  readonly plannedBy: readonly string[];
  has(step: StepView): boolean;
}

const SWAP = new Set([
  "Look for old targets",
  "Read the listener rule",
  "Prepare the idle target group",
  "Load balancer sees it healthy",
  "Switch",
  "Take the old targets out",
]);
const TESTS = new Set(["Run the tests", "Judge the results"]);

/** In the order in which they are shown. The tests' results and the cleanup have words of their own at the end. */
const STAGES: readonly StageKind[] = [
  {
    key: "commit",
    title: "Read the commit again",
    done: null,
    plannedBy: [],
    has: isAboutCommit,
  },
  {
    key: "instance",
    title: "Launch the instance",
    done: "The instance runs and answers",
    plannedBy: ["launch"],
    has: ({ kind, path }) => kind === "step" && path.startsWith("host/") && !inUpdate(path),
  },
  {
    key: "update",
    title: "Update the services",
    done: "The services are updated",
    plannedBy: ["launch", "update"],
    has: ({ kind, path }) => kind === "step" && inUpdate(path),
  },
  {
    key: "swap",
    title: "Put it behind the load balancer",
    done: "The instance is behind the load balancer",
    plannedBy: ["launch", "swap"],
    has: ({ kind, path }) => kind === "step" && SWAP.has(path),
  },
  {
    key: "tests",
    title: "Run the tests",
    done: null,
    plannedBy: ["launch", "test"],
    has: ({ kind, path }) => kind === "step" && TESTS.has(path),
  },
  {
    key: "cleanup",
    title: "Clean up",
    done: null,
    plannedBy: ["launch", "terminate"],
    has: ({ kind }) => kind === "cleanup",
  },
];

/** Whether a step looks at the commit, before anything is done: no stage of its own while all is well. */
export function isAboutCommit({ kind, path }: StepView): boolean {
  return kind === "step" && path.startsWith("Commit/");
}

function inUpdate(path: string): boolean {
  return /(?:^|\/)Service update\//.test(path);
}

/** What goes on beside the stages: its beginning and end say nothing about theirs. */
function isBeside({ kind, path }: StepView): boolean {
  return kind === "cleanup" || path.startsWith("tests/");
}

/** A run's stages: those that it has begun, and those that it still has ahead of it. Pure. */
export function stagesOf(run: RunView, steps: readonly StepView[]): Stage[] {
  return STAGES.flatMap((kind) => {
    const inside = steps.filter((step) => kind.has(step));
    if (inside.length === 0 && !isPlanned(kind, run)) return [];
    const { key, title, done } = kind;
    const state = stateOf(kind, run, inside, steps);
    if (key === "commit" && !isWorthShowing(state, inside)) return [];
    const took = state === "pending" || state === "skipped" ? null : spanOf(inside);
    return [{ key, title, done, state, steps: inside, took }];
  });
}

/** It takes a moment, unless GitHub does not answer or has something against it. */
function isWorthShowing(state: Stage["state"], steps: readonly StepView[]): boolean {
  return state === "failed" || (state === "running" && steps.some(({ detail }) => detail !== null));
}

function isPlanned({ key, plannedBy }: StageKind, { kind, input }: RunView): boolean {
  const noTests = Array.isArray(input?.tests) ? input.tests.length === 0 : input?.tests === "none";
  return plannedBy.includes(kind) && !(key === "tests" && noTests);
}

function stateOf(
  kind: StageKind,
  run: RunView,
  inside: readonly StepView[],
  all: readonly StepView[],
): Stage["state"] {
  if (inside.length === 0) return run.outcome === null && !hasEnded(run) ? "pending" : "skipped";
  if (inside.some((step) => step.state === "running")) return "running";
  if (inside.some((step) => !wentWell(step))) return "failed";
  if (isOver(kind, run, inside, all)) return "succeeded";
  // Between two of its steps there is a moment without a running one; a pipeline may have ended in it.
  return run.outcome === null ? "running" : "failed";
}

function isOver(
  kind: StageKind,
  run: RunView,
  inside: readonly StepView[],
  all: readonly StepView[],
): boolean {
  if (kind.key === "cleanup") return hasEnded(run);
  if (run.state === "succeeded" || run.outcome?.state === "succeeded") return true;
  const ended = Math.max(...inside.map((step) => step.endedAt ?? 0));
  return all.some((step) => !isBeside(step) && !kind.has(step) && (step.startedAt ?? 0) >= ended);
}

/** Failed, and the run went on all the same, as the configuration says (`continueOnError`). */
export function wasPassedOver({ error }: StepView): boolean {
  return error?.fields?.wentOn === true;
}

/** An attempt that AWS had no room for is passed over too: the next one tells. */
function wentWell(step: StepView): boolean {
  if (step.error?.code === "no_room_here" || wasPassedOver(step)) return true;
  return (step.state === "succeeded" || step.state === "skipped") && step.endedAt !== null;
}

function spanOf(steps: readonly StepView[]): number | null {
  if (steps.some(({ endedAt }) => endedAt === null)) return null;
  const begun = Math.min(...steps.map((step) => step.startedAt ?? Number.POSITIVE_INFINITY));
  const ended = Math.max(...steps.map((step) => step.endedAt ?? 0));
  return Number.isFinite(begun) ? Math.max(0, ended - begun) : null;
}
