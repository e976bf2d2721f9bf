import type { RunView, StepView, TestCounts } from "../../src/engine/types.ts";
import type { CommandServices } from "../services.ts";
import { elapsed } from "./estimate.ts";
import { runLink } from "./slots.ts";
import { bold, type Text, t, time, who } from "./text.ts";

const MARKS = {
  queued: "…",
  waiting: "…",
  pending: "·",
  running: "▶",
  succeeded: "✓",
  failed: "✗",
  cancelled: "⊘",
  skipped: "–",
} as const;

/** One line about a run, for lists. */
export function runLine(services: CommandServices, run: RunView): Text {
  const where = run.target ?? run.candidates.join(" or ");
  const took =
    run.endedAt === null || run.startedAt === null ? null : t` in ${elapsed(run.endedAt - run.startedAt)}`;
  const reason = run.reason === null ? null : t`: ${run.reason}`;
  const commit = run.sha === null ? null : t` at ${run.sha.slice(0, 7)}`;
  return t`${MARKS[run.state]} ${runLink(services, run.id)} ${bold(run.kind)} ${where}${commit} by ${who(run.requestedBy)}, ${time(run.createdAt)}: ${run.state}${took}${reason}`;
}

/** One line about a step. */
export function stepLine(step: StepView, now: number): Text {
  const took = step.startedAt === null ? null : t` (${elapsed((step.endedAt ?? now) - step.startedAt)})`;
  const again = step.attempt > 1 ? t`, attempt ${step.attempt}` : null;
  const detail = step.detail !== null && step.state === "running" ? t`: ${step.detail}` : null;
  const error = step.error === null ? null : t`: ${step.error.message}`;
  return t`${MARKS[step.state]} ${step.name}${took}${again}${detail}${error}`;
}

export function testsText(tests: TestCounts): Text {
  const counts = [
    [tests.passed, "passed"],
    [tests.failed, "failed"],
    [tests.flaky, "flaky"],
    [tests.skipped, "skipped"],
    [tests.notRun, "not run"],
  ] as const;
  const shown = counts.filter(([count, name]) => count > 0 || name === "passed" || name === "failed");
  return t`Tests: ${shown.map(([count, name]) => `${count} ${name}`).join(", ")}`;
}
