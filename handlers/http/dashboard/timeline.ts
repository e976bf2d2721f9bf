import type { StepView } from "../../../src/engine/types.ts";
import { formatStepTime } from "../../../src/util/format.ts";
import { html, type Markup } from "../html.ts";

/** The time that the whole width stands for. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly now: number;
}

const MARKS = { pending: "○", running: "▸", succeeded: "✓", failed: "✗", skipped: "–" } as const;
/** In units of the drawing; what is shorter would not be seen. */
const WIDTH = 1_000;
const NARROWEST = 6;

/** Steps under each other, each with its state, its time and a bar that shows when that was. */
export function timeline(steps: readonly StepView[], scale: Scale): Markup {
  return html`<ol class="steps">${steps.map((step) => row(step, scale))}</ol>`;
}

function row(step: StepView, scale: Scale): Markup {
  const { name, path, state, attempt, startedAt, endedAt, detail, error } = step;
  const group = groupOf(path, name);
  const took = startedAt === null ? "" : formatStepTime((endedAt ?? scale.now) - startedAt);
  return html`<li class="${state}">
<span class="mark" title="${state}" role="img" aria-label="${state}">${MARKS[state]}</span>
<span class="name">${name}${group !== "" && html` <span class="group">${group}</span>`}${attempt > 1 && html` <span class="group">attempt ${attempt}</span>`}</span>
<span class="took">${took}</span>
${bar(step, scale)}
${detail !== null && state === "running" && html`<span class="detail">${detail}</span>`}
${error !== null && html`<span class="detail error">${error.message}${error.remedy !== undefined && html` ${error.remedy}`}</span>`}
</li>`;
}

/** What the step is a part of, when that has a name of its own: `host/Service update/Migrate` → `Service update`. */
function groupOf(path: string, name: string): string {
  const above = path.split("/").slice(0, -1);
  return above.filter((part) => /^[A-Z]/.test(part) && part !== name).join(" / ");
}

function bar({ state, startedAt, endedAt }: StepView, { from, to, now }: Scale): Markup {
  const span = Math.max(1, to - from);
  const at = (time: number) => Math.min(WIDTH, Math.max(0, ((time - from) / span) * WIDTH));
  const drawn =
    startedAt === null
      ? null
      : { x: at(startedAt), width: Math.max(NARROWEST, at(endedAt ?? now) - at(startedAt)) };
  const rectangle =
    drawn &&
    html`<rect class="${state}" x="${Math.min(drawn.x, WIDTH - NARROWEST).toFixed(1)}" width="${drawn.width.toFixed(1)}" height="10" rx="2"/>`;
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">${rectangle}</svg>`;
}
