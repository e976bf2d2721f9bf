import type { EngineApi, LogLine, StepView } from "../src/engine/types.ts";
import { defineCommand, optional, required } from "./lib/command.ts";
import { findRun } from "./lib/runs.ts";
import { runLink } from "./lib/slots.ts";
import { closest } from "./lib/suggest.ts";
import { block, bold, code, t } from "./lib/text.ts";
import { nameOf, runNumber } from "./lib/values.ts";
import { answer, refuse } from "./services.ts";

const LINES_SHOWN = 30;
/** Of how many steps it is told that they said too much: the last ones. */
const GAPS_SHOWN = 3;
/** Slack cuts a message at 4,000 characters of recommended length; the block stays below it. */
const LONGEST_BLOCK = 2_800;
const PAGE = 2_000;

export const logs = defineCommand({
  name: "logs",
  summary: "Shows the last lines of a run's output, or of one of its steps.",
  role: "viewer",
  acts: false,
  repeatable: true,
  positionals: { run: required(runNumber), step: optional(nameOf("step")) },
  options: {},
  run: async (context, args) => {
    const { engine } = context.services;
    const run = await findRun(context, args.run);
    if ("refused" in run) return run;
    const steps = await engine.steps(run.id);
    const step = args.step === undefined ? null : findStep(steps, args.step);
    if (args.step !== undefined && !step) {
      const names = steps.map(({ name }) => name);
      const meant = closest(args.step, names);
      return refuse(
        "unknown_step",
        t`${runLink(context.services, run.id)} has no step ${code(args.step)}.${meant ? t` Did you mean ${bold(meant)}?` : null}`,
        t`Steps: ${names.join(", ") || "none yet"}.`,
      );
    }
    const last = await lastLines(engine, run.id, step);
    const which = step ? t`, ${step.name}` : null;
    if (last.length === 0)
      return answer(t`${runLink(context.services, run.id)}${which} has written nothing.`, run);
    const gaps = (await engine.logGaps(run.id)).filter((line) => belongsTo(line, step)).slice(-GAPS_SHOWN);
    const leftOut =
      gaps.length === 0 ? null : t` ${gaps.map(({ path, line }) => `${path}: ${line}`).join(" ")}`;
    return answer(
      t`${runLink(context.services, run.id)}${which}, last lines:${leftOut}${block(shorten(last))}`,
      run,
    );
  },
});

function findStep(steps: readonly StepView[], written: string): StepView | null {
  const word = written.toLowerCase();
  return steps.find(({ name, path }) => name.toLowerCase() === word || path.toLowerCase() === word) ?? null;
}

function belongsTo({ path }: LogLine, step: StepView | null): boolean {
  return !step || path === step.path || path.startsWith(`${step.path}/`);
}

/** The log is read forwards; only the last lines are kept of it. Lines of nested steps belong to theirs. */
async function lastLines(
  engine: EngineApi,
  runId: number,
  step: StepView | null,
): Promise<readonly LogLine[]> {
  let last: readonly LogLine[] = [];
  let afterSeq = 0;
  for (;;) {
    const page = await engine.log(runId, { afterSeq, limit: PAGE });
    const fitting = page.filter((line) => belongsTo(line, step));
    last = [...last, ...fitting].slice(-LINES_SHOWN);
    const end = page.at(-1);
    if (!end || page.length < PAGE) return last;
    afterSeq = end.seq;
  }
}

function shorten(last: readonly LogLine[]): string {
  const text = last.map(({ line }) => line).join("\n");
  return text.length <= LONGEST_BLOCK ? text : `…${text.slice(-LONGEST_BLOCK)}`;
}
