import { slotsInUse } from "../../../commands/lib/slots.ts";
import type { EngineApi, RunView } from "../../../src/engine/types.ts";
import { runPicture } from "../../timeline.ts";
import { type Gate, SESSION_COOKIE, SESSION_S } from "../auth.ts";
import { readBody } from "../body.ts";
import { html } from "../html.ts";
import { sendError, sendHtml, sendPng } from "../respond.ts";
import type { Route, Visit } from "../route.ts";
import type { HttpOptions } from "../server.ts";
import { assetRoute } from "./assets.ts";
import { board } from "./board.ts";
import { page } from "./layout.ts";
import { logPart, runPage } from "./run.ts";
import { signInPage } from "./sign-in.ts";

const FORM_LIMIT = 4 * 1024;
/** Pages that a sign-in may lead to; anything else would let a link send people elsewhere. */
const OWN_PAGE = /^\/(?:runs\/[1-9]\d{0,14}(?:\/timeline\.png)?)?$/;

/** The pages for people. */
export function dashboardRoutes(options: HttpOptions, gate: Gate): readonly Route[] {
  const guarded = (act: (visit: Visit) => Promise<void> | void) => async (visit: Visit) => {
    if (gate.allows(visit.request)) return await act(visit);
    refusePage(visit, gate);
  };
  return [
    { name: "board", path: /^\/$/, methods: { GET: guarded((visit) => showBoard(options, gate, visit)) } },
    {
      name: "run-page",
      path: /^\/runs\/([^/]+)$/,
      methods: { GET: guarded((visit) => showRun(options, gate, visit)) },
    },
    {
      name: "timeline",
      path: /^\/runs\/([^/]+)\/timeline\.png$/,
      methods: { GET: guarded((visit) => showTimeline(options, visit)) },
    },
    {
      name: "sign-in",
      path: /^\/sign-in$/,
      methods: {
        GET: ({ response, url }) =>
          sendHtml(
            response,
            200,
            signInPage({
              wrong: false,
              hasToken: gate.hasToken,
              next: ownPage(url.searchParams.get("next")),
            }),
          ),
        POST: (visit) => signIn(gate, visit),
      },
    },
    { name: "sign-out", path: /^\/sign-out$/, methods: { POST: signOut } },
    assetRoute,
  ];
}

function ownPage(written: string | null): string {
  return written !== null && OWN_PAGE.test(written) ? written : "/";
}

/**
 * A strict cookie is not sent along a link in Slack: so a person who comes by one is sent to the same page once more,
 * by this site itself, and only then asked for the token.
 */
function refusePage({ request, response, url }: Visit, gate: Gate): void {
  const again = request.headers["sec-fetch-site"] === "cross-site" && request.method === "GET";
  const next = ownPage(url.pathname);
  const headers = { "www-authenticate": 'Bearer realm="slipway"' };
  sendHtml(response, 401, signInPage({ wrong: false, hasToken: gate.hasToken, next, again }), headers);
}

async function showBoard({ services }: HttpOptions, gate: Gate, { response }: Visit): Promise<void> {
  const { engine, clock } = services;
  const body = await board({
    engine,
    config: services.config().config,
    slots: await slotsInUse(services),
    now: clock.now(),
  });
  sendHtml(response, 200, page("Slipway", body, { live: true, signOut: gate.hasToken }));
}

async function showRun({ services }: HttpOptions, gate: Gate, { response, parts }: Visit): Promise<void> {
  const { engine, clock } = services;
  const written = parts[0] ?? "";
  const run = await runNumbered(engine, written);
  const signOut = gate.hasToken;
  if (run === null) {
    const body = html`<h1>There is no run ${written.slice(0, 40)}</h1><p><a href="/">The board</a> shows the last ones.</p>`;
    return sendHtml(response, 404, page("No such run", body, { signOut }));
  }
  const body = await runPage({ engine, config: services.config().config }, run, clock.now());
  const live = await mayChange(engine, run);
  sendHtml(
    response,
    200,
    page(`${run.kind} #${run.id}: ${run.state}`, body, { live, after: logPart(run), signOut }),
  );
}

async function runNumbered(engine: EngineApi, written: string): Promise<RunView | null> {
  return /^[1-9]\d{0,14}$/.test(written) ? await engine.run(Number(written)) : null;
}

async function showTimeline(
  { services, redact, log }: HttpOptions,
  { response, parts }: Visit,
): Promise<void> {
  const { engine, clock } = services;
  const run = await runNumbered(engine, parts[0] ?? "");
  if (run === null) return sendError(response, 404, "unknown_run", "There is no such run.");
  const picture = await runPicture(run, { engine, redact, log, now: clock.now() });
  if (picture) return sendPng(response, picture);
  const page = `/runs/${run.id}`;
  const message = `This machine has no library for drawing; ${page} shows the same times.`;
  sendError(response, 503, "cannot_draw", message);
}

/** What is still owed changes after the run's end: a kept environment, a cleanup that is not confirmed. */
async function mayChange(engine: EngineApi, run: RunView): Promise<boolean> {
  return run.endedAt === null || (await engine.obligations({ runId: run.id, open: true })).length > 0;
}

async function signIn(gate: Gate, { request, response }: Visit): Promise<void> {
  const form = new URLSearchParams((await readBody(request, FORM_LIMIT)).toString());
  const next = ownPage(form.get("next"));
  const session = gate.signIn(form.get("token") ?? "");
  if (session === null) {
    return sendHtml(response, 401, signInPage({ wrong: true, hasToken: gate.hasToken, next }));
  }
  sendHtml(response, 303, "", { location: next, "set-cookie": cookie(request, session, SESSION_S) });
}

function signOut({ request, response }: Visit): void {
  request.resume();
  sendHtml(response, 303, "", { location: "/", "set-cookie": cookie(request, "", 0) });
}

function cookie(request: Visit["request"], value: string, seconds: number): string {
  const secure = request.headers["x-forwarded-proto"] === "https" ? "; Secure" : "";
  return `${SESSION_COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${secure}`;
}
