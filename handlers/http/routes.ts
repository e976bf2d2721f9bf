import type { ServerResponse } from "node:http";
import { Registry } from "prom-client";
import { z } from "zod";
import { leasesOf } from "../../commands/lib/leases.ts";
import { slotsInUse } from "../../commands/lib/slots.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { bearerOf, type Gate, same } from "./auth.ts";
import { readBody } from "./body.ts";
import { dashboardRoutes } from "./dashboard/routes.ts";
import { environmentForms, runForm, slotForm } from "./forms.ts";
import { streamLog } from "./log-stream.ts";
import { sendError, sendJson, sendText } from "./respond.ts";
import type { Route, Visit } from "./route.ts";
import type { HttpOptions } from "./server.ts";
import { handleTerminal, terminalRequest } from "./terminal.ts";

const TERMINAL_LIMIT = 64 * 1024;

/** Every path that the bot answers. */
export function createRoutes(options: HttpOptions, gate: Gate): readonly Route[] {
  const guarded = (act: (visit: Visit) => Promise<void> | void) => async (visit: Visit) => {
    if (gate.allows(visit.request)) return await act(visit);
    refuseApi(visit, gate);
  };
  return [
    { name: "slack", path: /^\/slack\/events$/, methods: { POST: (visit) => slack(options, visit) } },
    {
      name: "github",
      path: /^\/api\/github\/webhooks$/,
      methods: { POST: (visit) => github(options, visit) },
    },
    { name: "health", path: /^\/healthz$/, methods: { GET: ({ response }) => health(options, response) } },
    { name: "ready", path: /^\/readyz$/, methods: { GET: ({ response }) => ready(options, response) } },
    { name: "metrics", path: /^\/metrics$/, methods: { GET: ({ response }) => metrics(options, response) } },
    ...dashboardRoutes(options, gate),
    { name: "slots", path: /^\/api\/slots$/, methods: { GET: guarded((visit) => slots(options, visit)) } },
    { name: "runs", path: /^\/api\/runs$/, methods: { GET: guarded((visit) => runs(options, visit)) } },
    {
      name: "run",
      path: /^\/api\/runs\/([^/]+)$/,
      methods: { GET: guarded((visit) => run(options, visit)) },
    },
    {
      name: "log",
      path: /^\/api\/runs\/([^/]+)\/log$/,
      methods: { GET: guarded((visit) => log(options, visit)) },
    },
    {
      name: "environments",
      path: /^\/api\/environments$/,
      methods: {
        GET: guarded(({ response }) =>
          sendJson(response, 200, { environments: environmentForms(options.services.config().config) }),
        ),
      },
    },
    { name: "terminal", path: /^\/api\/terminal$/, methods: { POST: (visit) => terminal(options, visit) } },
  ];
}

function refuseApi({ response }: Visit, gate: Gate): void {
  const message = gate.hasToken
    ? "Send the DASHBOARD_TOKEN as a bearer token, or sign in at /sign-in."
    : "No DASHBOARD_TOKEN is set, so only direct requests on the bot's own machine are answered.";
  sendError(response, 401, "unauthorized", message, { "www-authenticate": 'Bearer realm="slipway"' });
}

function slack({ slack: listener }: HttpOptions, { request, response }: Visit): void {
  if (listener) listener(request, response);
  else sendError(response, 503, "not_configured", "Slack over HTTP is not set up for this bot.");
}

function github({ github: listener }: HttpOptions, { request, response }: Visit): void {
  if (listener) listener(request, response);
  else sendError(response, 503, "not_configured", "GitHub is not set up for this bot.");
}

function health({ healthy }: HttpOptions, response: ServerResponse): void {
  if (healthy()) sendJson(response, 200, { ok: true });
  else sendJson(response, 503, { ok: false });
}

async function ready({ ready }: HttpOptions, response: ServerResponse): Promise<void> {
  const reasons = await ready();
  sendJson(response, reasons.length === 0 ? 200 : 503, {
    ready: reasons.length === 0,
    reasons: [...reasons],
  });
}

async function metrics({ metrics, registries }: HttpOptions, response: ServerResponse): Promise<void> {
  const all = Registry.merge([metrics.registry, ...(registries ?? [])]);
  sendText(response, 200, await all.metrics(), all.contentType);
}

async function slots({ services }: HttpOptions, { response }: Visit): Promise<void> {
  const { engine, clock } = services;
  const leases = await leasesOf(engine, await slotsInUse(services));
  const parts = { engine, config: services.config().config, now: clock.now() };
  const forms = await Promise.all(leases.map((lease) => slotForm(parts, lease)));
  sendJson(response, 200, { slots: forms });
}

/** Who asks for more than this gets this many. */
const MOST_RUNS = 500;
const limitParameter = z.coerce
  .number()
  .int()
  .min(1)
  .default(50)
  .transform((limit) => Math.min(limit, MOST_RUNS));

async function runs({ services: { engine } }: HttpOptions, { response, url }: Visit): Promise<void> {
  const limit = limitParameter.safeParse(url.searchParams.get("limit") ?? undefined);
  if (!limit.success) return sendError(response, 400, "bad_limit", "limit is a whole number from 1 on.");
  const found = await engine.runs({ limit: limit.data });
  sendJson(response, 200, { runs: await Promise.all(found.map((one) => runForm(engine, one))) });
}

async function run({ services: { engine } }: HttpOptions, visit: Visit): Promise<void> {
  const found = await findRun(engine, visit);
  if (found) sendJson(visit.response, 200, await runForm(engine, found));
}

async function log({ services: { engine } }: HttpOptions, visit: Visit): Promise<void> {
  const found = await findRun(engine, visit);
  if (found) await streamLog(engine, found.id, visit.request, visit.response);
}

async function findRun(engine: HttpOptions["services"]["engine"], { parts, response }: Visit) {
  const written = parts[0] ?? "";
  const found = /^[1-9]\d{0,14}$/.test(written) ? await engine.run(Number(written)) : null;
  if (!found) sendError(response, 404, "unknown_run", `There is no run ${written.slice(0, 40)}.`);
  return found;
}

async function terminal(options: HttpOptions, { request, response }: Visit): Promise<void> {
  const refuse = (status: number, code: string, message: string) => {
    options.log.warn({ status, code }, "a request to /api/terminal was refused");
    sendError(response, status, code, message);
  };
  const bearer = bearerOf(request);
  if (bearer === null || !same(bearer, options.terminalToken)) {
    request.resume();
    return refuse(401, "unauthorized", "Only an operator on the bot's own machine may do this.");
  }
  const parsed = terminalRequest.safeParse(parseJson((await readBody(request, TERMINAL_LIMIT)).toString()));
  if (!parsed.success) return refuse(400, "bad_request", z.prettifyError(parsed.error));
  const reply: JsonObject = await handleTerminal(options.dispatch, options.redact, parsed.data);
  sendJson(response, 200, reply);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
