import { Counter, Histogram, Registry } from "prom-client";
import type { AwsCall } from "../cloud/index.ts";

/** Calls to AWS, by action and outcome, for `/metrics`. */
export class AwsMetrics {
  readonly registry = new Registry();
  readonly #calls = new Counter({
    name: "slipway_aws_calls_total",
    help: "Calls to AWS.",
    labelNames: ["action", "region", "purpose", "outcome"] as const,
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: "slipway_aws_call_seconds",
    help: "How long calls to AWS took.",
    labelNames: ["action"] as const,
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers: [this.registry],
  });

  observe({ action, region, purpose, outcome, ms }: AwsCall): void {
    this.#calls.inc({ action, region, purpose, outcome });
    this.#seconds.observe({ action }, ms / 1000);
  }
}
