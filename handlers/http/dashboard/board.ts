import { estimateStart, whenText } from "../../../commands/lib/estimate.ts";
import { leasesOf } from "../../../commands/lib/leases.ts";
import { slotState } from "../../../commands/lib/slots.ts";
import type { Config } from "../../../src/config/index.ts";
import type { EngineApi, LeaseView, QueueEntry, RunView } from "../../../src/engine/types.ts";
import { formatStepTime } from "../../../src/util/format.ts";
import { html, type Markup } from "../html.ts";
import { badge, commitText, fact, moment, nameOf, runLink } from "./words.ts";

const RUNS_SHOWN = 25;

export interface BoardParts {
  readonly engine: EngineApi;
  readonly config: Config;
  /** Also those that the configuration has lost while they were in use. */
  readonly slots: readonly string[];
  readonly now: number;
}

/** Every slot as `/stg status` and `/api/slots` tell it, and the last runs. */
export async function board(parts: BoardParts): Promise<Markup> {
  const { engine, config } = parts;
  const leases = await leasesOf(engine, parts.slots);
  const slots = await Promise.all(leases.map((lease) => slotCard(parts, lease)));
  const runs = await engine.runs({ limit: RUNS_SHOWN });
  const environments = Object.keys(config.environments);
  return html`<h1>Slots</h1>
${slots.length === 0 ? html`<p class="none">The configuration has no slots.</p>` : html`<div class="cards">${slots}</div>`}
${environments.length > 0 && html`<h2>Environments</h2><p>${environments.join(", ")}: deploying is not part of this version yet.</p>`}
<h2>Recent runs</h2>
${runs.length === 0 ? html`<p class="none">No run yet. <code>/stg launch</code> in Slack begins one.</p>` : html`<ol class="runs">${runs.map((run) => runRow(run, parts.now))}</ol>`}`;
}

async function slotCard(parts: BoardParts, lease: LeaseView): Promise<Markup> {
  const { engine, config, now } = parts;
  const { resource: name, facts, since, until } = lease;
  const url = config.slots[name]?.url;
  const queue = await engine.queue(name);
  // Whose turn it is holds the slot, which is said above.
  const others = queue.filter(({ offer }) => offer === null);
  const left = until === null ? null : html`${moment(until, now)}`;
  const instance = typeof facts.instanceId === "string" ? html`<code>${facts.instanceId}</code>` : null;
  return html`<article class="card ${slotState(lease)}" id="slot-${name}">
<h2>${url === undefined ? name : html`<a href="${url}">${name}</a>`} ${badge(slotState(lease))}</h2>
${!(name in config.slots) && html`<p>It is not in the configuration any more: it goes when it is free.</p>`}
${await whatGoesOn(parts, lease)}
${
  lease.mode !== "free" &&
  html`<dl>
${lease.mode === "dirty" && fact("Held by", lease.holder && nameOf(lease.holder))}
${lease.mode !== "dirty" && fact("Reason", lease.reason ?? "none given")}
${fact("Since", since === null ? null : moment(since, now))}
${fact("Until", left)}
${fact("Commit", commitText(facts.sha))}
${fact("Instance", instance)}
</dl>`
}
${others.length > 0 && html`<h3>Waiting</h3><ol class="queue">${await Promise.all(others.map((entry) => waiting(parts, lease, queue, entry)))}</ol>`}
</article>`;
}

/** Who has the slot and what for, as a sentence. */
async function whatGoesOn({ engine, now }: BoardParts, lease: LeaseView): Promise<Markup> {
  const holder = html`<b>${nameOf(lease.holder)}</b>`;
  if (lease.mode === "free") return html`<p class="none">Nobody has it.</p>`;
  if (lease.mode === "kept") return html`<p>An environment of ${holder} is kept here.</p>`;
  if (lease.mode === "locked") return html`<p>${holder} holds it.</p>`;
  if (lease.mode === "offered" && lease.runId !== null)
    return html`<p>It is the turn of ${runLink(lease.runId)}: reserved until ${holder} answers. <code>/stg start ${lease.runId}</code> begins it.</p>`;
  if (lease.mode === "dirty") return await whatIsOwed(engine, lease);
  const run = lease.runId === null ? null : await engine.run(lease.runId);
  if (run === null) return html`<p>${holder} is at work on it.</p>`;
  const steps = await engine.steps(run.id);
  const step = steps.findLast(({ state }) => state === "running");
  const since = step?.startedAt == null ? null : html` (${formatStepTime(now - step.startedAt)})`;
  return html`<p><b>${nameOf(run.requestedBy)}</b>: ${run.kind}, ${runLink(run.id)}${run.outcome !== null && ", cleaning up"}</p>
${step && html`<p class="now">${step.name}${since}${step.detail !== null && html`: ${step.detail}`}</p>`}`;
}

async function whatIsOwed(engine: EngineApi, lease: LeaseView): Promise<Markup> {
  const open = await engine.obligations({ resource: lease.resource, open: true });
  const owed = open.filter(({ kind }) => kind !== "lease");
  return html`<p>Its cleanup is not confirmed, so nothing launches here${lease.reason !== null && html` (${lease.reason})`}. It is tried again by itself; a maintainer can hurry it: <code>/stg clean ${lease.resource}</code>.</p>
${owed.length > 0 && html`<ul class="owed">${owed.map(({ title, lastError }) => html`<li>${title}${lastError !== null && html`: <span class="error">${lastError}</span>`}</li>`)}</ul>`}`;
}

async function waiting(
  parts: BoardParts,
  lease: LeaseView,
  queue: readonly QueueEntry[],
  entry: QueueEntry,
): Promise<Markup> {
  const estimate = whenText(await estimateStart(parts, lease, queue, entry.runId), parts.now);
  return html`<li><b>${nameOf(entry.requestedBy)}</b>, ${runLink(entry.runId)}, ${estimate}</li>`;
}

function runRow(run: RunView, now: number): Markup {
  const began = run.startedAt ?? run.createdAt;
  const took = run.endedAt === null ? now - began : run.endedAt - began;
  return html`<li class="${run.state}" id="run-${run.id}">
<a class="what" href="/runs/${run.id}"><span class="number">#${run.id}</span> ${run.kind} ${run.target ?? run.candidates.join(" or ")}</a>
${badge(run.state)}
<span class="by">${nameOf(run.requestedBy)}</span>
<span class="commit">${commitText(run.sha)}</span>
<span class="when">${moment(run.createdAt, now)}${run.startedAt !== null && html` · ${formatStepTime(took)}`}</span>
${run.reason !== null && html`<span class="why">${run.reason}</span>`}
</li>`;
}
