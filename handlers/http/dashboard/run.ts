import { askedAfter } from "../../../commands/lib/asked-first.ts";
import { type Standing, standingAmong } from "../../../commands/lib/standing.ts";
import { type Config, formatDuration } from "../../../src/config/index.ts";
import type { EngineApi, ObligationView, OfferView, RunView, StepView } from "../../../src/engine/types.ts";
import { runTitle } from "../../../src/publish/run-title.ts";
import { formatStepTime } from "../../../src/util/format.ts";
import type { JsonValue } from "../../../src/util/json.ts";
import { html, type Markup } from "../html.ts";
import { timeline } from "./timeline.ts";
import { badge, commitText, fact, moment, nameOf } from "./words.ts";

const MOST_FAILURES = 50;

/** One run: what it is, its steps as a timeline, its tests, what it owes. */
export async function runPage(
  { engine, config }: { readonly engine: EngineApi; readonly config: Config },
  run: RunView,
  now: number,
): Promise<Markup> {
  const [steps, obligations, offer] = await Promise.all([
    engine.steps(run.id),
    engine.obligations({ runId: run.id }),
    engine.offer(run.id),
  ]);
  return html`<h1>${runTitle(run)} <span class="number">#${run.id}</span> ${badge(run.state)}</h1>
${whatHappened(run)}
${run.state === "queued" && whatItWaitsFor(config, run, offer, now)}
<dl class="facts">${factsOf(run, standingAmong(obligations), now)}</dl>
${stepsOf(steps, run, now)}
${testsOf(run)}
${owedBy(obligations, now)}`;
}

/** The log, which a script fills and goes on filling. */
export function logPart(run: RunView): Markup {
  const stream = `/api/runs/${run.id}/log`;
  return html`<section><h2>Log</h2>
<div id="log" class="log" role="log" aria-label="Log" tabindex="0" data-stream="${stream}"></div>
<p id="log-state" class="none"><noscript>Without scripts, <a href="${stream}">the log</a> is plain text.</noscript></p>
</section>`;
}

/** Why it ended as it did, and what to do: the first thing that people look for. */
function whatHappened({ state, reason, outcome, endedAt }: RunView): Markup {
  const fault = outcome?.fault ?? null;
  const failed = fault !== null && state !== "cancelled";
  const cleaning = outcome !== null && endedAt === null;
  return html`${failed && html`<p class="box error">${reason ?? fault.message} <code>${fault.code}</code>${fault.remedy !== undefined && html`<br>${fault.remedy}`}</p>`}
${state === "cancelled" && html`<p class="box">${reason ?? fault?.message}</p>`}
${cleaning && html`<p class="box">Its work is over; what it created is being cleaned up.</p>`}`;
}

function whatItWaitsFor(config: Config, run: RunView, offer: OfferView | null, now: number): Markup {
  const { id, requestedBy, via } = run;
  if (offer === null || offer.answer !== null) {
    const after = askedAfter(config, { resource: run.candidates[0] ?? "", requestedBy, via });
    const asked =
      after !== null &&
      html` ${nameOf(requestedBy)} is asked first if that takes longer than ${formatDuration(after)}.`;
    return html`<p class="box">It waits for its slot and starts by itself; <code>/stg cancel ${id}</code> gives the place up.${asked}</p>`;
  }
  return html`<p class="box">Its turn has come: ${offer.resource} is reserved for it, which ends ${moment(offer.until, now)}. <code>/stg start ${id}</code> begins it, <code>/stg leave ${id}</code> gives the turn up.</p>`;
}

function factsOf(run: RunView, standing: Standing | null, now: number): (Markup | null)[] {
  const { url, instanceId } = run.facts;
  // What it keeps, as it is now: a run's own facts know nothing of an extension, nor of the end.
  const keptUntil = standing?.run === run.id ? standing.until : null;
  const took = run.startedAt === null ? null : formatStepTime((run.endedAt ?? now) - run.startedAt);
  // Once it has failed or was cancelled, the reason is why, and stands above.
  const reason = run.outcome?.fault || run.state === "cancelled" ? null : run.reason;
  return [
    fact("Reason", reason),
    fact("By", html`<b>${nameOf(run.requestedBy)}</b> (${run.via})`),
    fact("Commit", commitText(run.sha)),
    fact("Pull request", run.pr === null ? null : `#${run.pr}`),
    fact("Asked for", moment(run.createdAt, now)),
    fact(run.endedAt === null ? "Running for" : "Took", took),
    fact("Instance", typeof instanceId === "string" ? html`<code>${instanceId}</code>` : null),
    fact("Kept until", keptUntil === null ? null : moment(keptUntil, now)),
    fact(
      "Address",
      typeof url === "string" && /^https?:/.test(url) ? html`<a href="${url}">${url}</a>` : null,
    ),
    fact(
      "Retry of",
      run.retryOf === null ? null : html`<a href="/runs/${run.retryOf}">run #${run.retryOf}</a>`,
    ),
  ];
}

function stepsOf(steps: readonly StepView[], run: RunView, now: number): Markup {
  const scale = { from: run.startedAt ?? run.createdAt, to: run.endedAt ?? now, now };
  const own = steps.filter(({ kind }) => kind === "step");
  const cleanup = steps.filter(({ kind }) => kind === "cleanup");
  return html`<section><h2>Steps</h2>
${own.length === 0 ? html`<p class="none">${run.endedAt === null ? "None yet." : "It ended before its first."}</p>` : timeline(own, scale)}
${cleanup.length > 0 && html`<h3>Cleanup</h3>${timeline(cleanup, scale)}`}
${own.length > 0 && html`<p><a href="/runs/${run.id}/timeline.png">Where the time went, as a picture</a></p>`}
</section>`;
}

function testsOf({ tests, facts }: RunView): Markup | null {
  if (!tests) return null;
  const failures = Array.isArray(facts.failures) ? facts.failures : [];
  const failed = Math.max(tests.failed, failures.length);
  const notRun = Array.isArray(facts.notRun) ? facts.notRun : [];
  const counts = [
    ["passed", tests.passed],
    ["failed", tests.failed],
    ["flaky", tests.flaky],
    ["skipped", tests.skipped],
    ["not run", tests.notRun],
  ] as const;
  const shown = counts.filter(([word, count]) => count > 0 || word === "passed" || word === "failed");
  return html`<section><h2>Tests</h2>
<ul class="counts">${shown.map(([word, count]) => html`<li class="${count > 0 && word.replace(" ", "-")}"><b>${count}</b> ${word}</li>`)}</ul>
${failures.slice(0, MOST_FAILURES).map(failure)}
${failed > MOST_FAILURES && html`<p>… and ${failed - MOST_FAILURES} more</p>`}
${notRun.length > 0 && html`<ul>${notRun.map((line) => html`<li>${String(line)}</li>`)}</ul>`}
</section>`;
}

function failure(value: JsonValue): Markup {
  const { browser, title, file, line, message } = (value ?? {}) as Record<string, JsonValue | undefined>;
  const place =
    file === undefined || file === null ? "" : `${file}${typeof line === "number" ? `:${line}` : ""}`;
  return html`<details class="failure"><summary><span class="browser">${String(browser ?? "")}</span> ${String(title ?? "")} <span class="place">${place}</span></summary>
<pre>${String(message ?? "")}</pre></details>`;
}

const OBLIGATION_STATES = {
  recorded: "owed, as soon as it is known whether it exists",
  created: "owed",
  gone: "done",
} as const;

function owedBy(obligations: readonly ObligationView[], now: number): Markup | null {
  const owed = obligations.filter(({ kind }) => kind !== "lease");
  if (owed.length === 0) return null;
  const open = owed.filter(({ state }) => state !== "gone");
  const done = Map.groupBy(
    owed.filter(({ state }) => state === "gone"),
    ({ title }) => title,
  );
  return html`<section><h2>Obligations</h2>
<p class="none">What must be undone of what this run created, and whether it has been.</p>
<ul class="obligations">${open.map((one) => obligation(one, now))}${[...done].map(([title, all]) => html`<li class="gone"><b>${title}</b>${all.length > 1 && html` (${all.length})`}: ${OBLIGATION_STATES.gone}</li>`)}</ul></section>`;
}

function obligation({ title, state, due, attempts, lastError }: ObligationView, now: number): Markup {
  const times = attempts === 1 ? "once" : `${attempts} times`;
  return html`<li><b>${title}</b>: ${OBLIGATION_STATES[state]}${due !== null && html`, due ${moment(due, now)}`}${lastError !== null && html`<br><span class="error">Tried ${times}; the last time: ${lastError}</span>`}</li>`;
}
