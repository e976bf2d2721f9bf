import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { type EngineApi, runStates } from "../../src/engine/types.ts";

export interface Metrics {
  readonly registry: Registry;
  /** Seconds from a request's arrival to the end of its answer. */
  observeRequest(route: string, status: number, seconds: number): void;
  close(): void;
}

const OPEN_STATES = ["queued", "waiting", "running"] as const;
const MOST_OPEN_RUNS = 10_000;
const REMEMBERED_ENDS = 1_000;

/** The bot's own numbers: its process, its runs by state, its HTTP answers. */
export function createMetrics(engine: EngineApi): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "slipway_runs_open",
    help: "Runs that have not ended, by state",
    labelNames: ["state"],
    registers: [registry],
    async collect() {
      const open = await engine.runs({ limit: MOST_OPEN_RUNS, states: OPEN_STATES });
      for (const state of OPEN_STATES) {
        this.set({ state }, open.filter((run) => run.state === state).length);
      }
    },
  });
  const ended = new Counter({
    name: "slipway_runs_ended_total",
    help: "Runs that ended since this process began, by kind and state",
    labelNames: ["kind", "state"],
    registers: [registry],
  });
  const requests = new Histogram({
    name: "slipway_http_request_seconds",
    help: "Time to answer a request, by route and status",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [registry],
  });
  const stop = countEnds(engine, (kind, state) => ended.inc({ kind, state }));
  return {
    registry,
    observeRequest: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
    close: stop,
  };
}

/** Counts each run's end once, however often its end is told. */
function countEnds(engine: EngineApi, count: (kind: string, state: string) => void): () => void {
  const seen = new Set<number>();
  return engine.onChange((change) => {
    if (change.type !== "run" || seen.has(change.runId)) return;
    void engine
      .run(change.runId)
      .then((run) => {
        if (!run || run.endedAt === null || seen.has(run.id)) return;
        seen.add(run.id);
        if (seen.size > REMEMBERED_ENDS) seen.delete(seen.values().next().value ?? run.id);
        if (runStates.includes(run.state)) count(run.kind, run.state);
      })
      .catch(() => {
        // The database is closing; the next scrape shows what is left.
      });
  });
}
