import { leasesOf } from "../../commands/lib/leases.ts";
import { utc } from "../../commands/lib/text.ts";
import type { Config } from "../../src/config/index.ts";
import type { EngineApi, LeaseView, RunView } from "../../src/engine/types.ts";

const RUNS_SHOWN = 25;

/** The board as a plain page: slots and the last runs. It loads itself again every five seconds. */
export async function boardPage(engine: EngineApi, config: Config): Promise<string> {
  const leases = await leasesOf(engine, Object.keys(config.slots));
  const runs = await engine.runs({ limit: RUNS_SHOWN });
  const slots = await Promise.all(leases.map((lease) => slotRow(engine, config, lease)));
  return page(
    "Slipway",
    `<h1>Slipway</h1>
<h2>Slots</h2>
<table><tr><th>Slot<th>State<th>Holder<th>Why<th>Since<th>Until<th>Run<th>Waiting</tr>${slots.join("")}</table>
<h2>Runs</h2>
<table><tr><th>Run<th>What<th>Where<th>State<th>By<th>Commit<th>Begun<th>Ended<th>Log</tr>${runs.map(runRow).join("")}</table>`,
    { refresh: true },
  );
}

async function slotRow(engine: EngineApi, config: Config, lease: LeaseView): Promise<string> {
  const waiting = (await engine.queue(lease.resource)).length;
  const url = config.slots[lease.resource]?.url ?? "";
  const run = lease.runId === null ? "" : `<a href="#run-${lease.runId}">#${lease.runId}</a>`;
  return row(
    [
      `<a href="${escapeHtml(url)}">${escapeHtml(lease.resource)}</a>`,
      lease.mode,
      escapeHtml(lease.holder?.name ?? ""),
      escapeHtml(lease.reason ?? ""),
      when(lease.since),
      when(lease.until),
      run,
      String(waiting),
    ],
    `slot-${escapeHtml(lease.resource)}`,
  );
}

function runRow(run: RunView): string {
  return row(
    [
      `<a href="/api/runs/${run.id}">#${run.id}</a>`,
      escapeHtml(run.kind),
      escapeHtml(run.target ?? run.candidates.join(", ")),
      escapeHtml(run.reason === null ? run.state : `${run.state}: ${run.reason}`),
      escapeHtml(run.requestedBy.name),
      escapeHtml(run.sha?.slice(0, 7) ?? ""),
      when(run.startedAt ?? run.createdAt),
      when(run.endedAt),
      `<a href="/api/runs/${run.id}/log">log</a>`,
    ],
    `run-${run.id}`,
  );
}

function row(cells: readonly string[], id?: string): string {
  return `<tr${id === undefined ? "" : ` id="${id}"`}>${cells.map((cell) => `<td>${cell}`).join("")}</tr>`;
}

function when(at: number | null): string {
  return at === null ? "" : utc(at);
}

/** The page on which a person gives the dashboard's token. */
export function signInPage(options: { wrong: boolean; hasToken: boolean }): string {
  if (!options.hasToken) {
    return page(
      "Slipway",
      "<h1>Slipway</h1><p>No DASHBOARD_TOKEN is set, so the dashboard answers only on the bot's own machine.</p>",
    );
  }
  const wrong = options.wrong ? "<p><b>That is not the token.</b></p>" : "";
  return page(
    "Sign in to Slipway",
    `<h1>Slipway</h1>${wrong}<form method="post" action="/sign-in"><label>Dashboard token
<input name="token" type="password" autocomplete="current-password" autofocus required></label>
<button>Sign in</button></form>`,
  );
}

function page(title: string, body: string, options: { refresh?: boolean } = {}): string {
  const refresh = options.refresh ? '<meta http-equiv="refresh" content="5">' : "";
  return `<!doctype html><html lang="en"><meta charset="utf-8">${refresh}<title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width"><style>
body{font:15px system-ui;margin:2rem;max-width:80rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd}:target{background:#ffd}
</style>${body}</html>`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
