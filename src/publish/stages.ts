import type { StepView } from "../engine/types.ts";

/** A part of a run that people speak of as one thing. */
export interface Stage {
  readonly key: string;
  readonly title: string;
  /** From its first step's start to its last one's end, in ms. */
  readonly took: number;
  readonly steps: number;
}

const SWAP = new Set([
  "Look for old targets",
  "Read the listener rule",
  "Prepare the idle target group",
  "Load balancer sees it healthy",
  "Switch",
  "Take the old targets out",
]);

/** The tests are no stage here: they have a reply of their own, and so has the cleanup. */
const STAGES: readonly { key: string; title: string; has: (path: string) => boolean }[] = [
  {
    key: "instance",
    title: "The instance runs and answers",
    has: (path) => path.startsWith("host/") && !inUpdate(path),
  },
  { key: "update", title: "The services are updated", has: (path) => inUpdate(path) },
  {
    key: "swap",
    title: "The instance is behind the load balancer",
    has: (path) => SWAP.has(path),
  },
];

function inUpdate(path: string): boolean {
  return /(?:^|\/)Service update\//.test(path);
}

/**
 * The stages that are over and went well. A stage is over when all its steps are and something after it has begun,
 * or when the pipeline has (`over`): between two of its steps there is a moment without a running one.
 */
export function finishedStages(steps: readonly StepView[], over: boolean): Stage[] {
  const own = steps.filter((step) => step.kind === "step");
  return STAGES.flatMap(({ key, title, has }) => {
    const inside = own.filter((step) => has(step.path));
    if (inside.length === 0 || inside.some((step) => !wentWell(step))) return [];
    const begun = Math.min(...inside.map((step) => step.startedAt ?? Number.POSITIVE_INFINITY));
    const ended = Math.max(...inside.map((step) => step.endedAt ?? 0));
    const goneOn = own.some(
      ({ path, startedAt }) => !beside(path) && !has(path) && (startedAt ?? 0) >= ended,
    );
    return over || goneOn ? [{ key, title, took: Math.max(0, ended - begun), steps: inside.length }] : [];
  });
}

/** The tests are prepared while the instance comes up: their beginning says nothing about its. */
function beside(path: string): boolean {
  return path.startsWith("tests/");
}

/** An attempt that AWS had no room for is passed over: the next one tells. */
function wentWell(step: StepView): boolean {
  if (step.error?.code === "no_room_here") return true;
  return (step.state === "succeeded" || step.state === "skipped") && step.endedAt !== null;
}
