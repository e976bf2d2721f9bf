import { Agent, request } from "node:http";
import { connect } from "node:net";
import type { HealthChecker, ProbeOutcome, ProbeSpec } from "../ports.ts";
import { BALANCER_ADDRESS } from "./address.ts";

/** A new connection per probe, as the load balancer's own health checks make. */
const agent = new Agent({ keepAlive: false });

const TIMEOUT: ProbeOutcome = { passed: false, reason: "Timeout", status: undefined };
const FAILED: ProbeOutcome = { passed: false, reason: "FailedHealthChecks", status: undefined };

/** Does a status fit a matcher as ELBv2 writes it: "200", "200,302", "200-399"? */
export function matches(matcher: string, status: number): boolean {
  return matcher.split(",").some((part) => {
    const [from, to] = part.trim().split("-").map(Number);
    if (from === undefined || Number.isNaN(from)) return false;
    return status >= from && status <= (to ?? from);
  });
}

/** Probes a target once. It never rejects: whatever goes wrong is an outcome. */
export const probeTarget: HealthChecker = {
  probe: (spec, signal) => {
    if (signal.aborted) return Promise.resolve(FAILED);
    return spec.protocol === "HTTP" ? probeHttp(spec, signal) : probeTcp(spec, signal);
  },
};

function probeHttp(spec: ProbeSpec, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const { address, port, path, timeoutMs } = spec;
    const sent = request({
      host: address,
      port,
      path,
      agent,
      localAddress: BALANCER_ADDRESS,
      headers: { host: `${address}:${port}`, "user-agent": "ELB-HealthChecker/2.0" },
    });
    const settle = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      resolve(outcome);
      sent.destroy();
    };
    const abort = (): void => settle(FAILED);
    const timer = setTimeout(() => settle(TIMEOUT), timeoutMs);
    signal.addEventListener("abort", abort, { once: true });
    sent.on("error", () => settle(FAILED));
    sent.on("response", (response) => {
      const status = response.statusCode ?? 0;
      if (matches(spec.matcher, status)) settle({ passed: true, status });
      else settle({ passed: false, reason: "ResponseCodeMismatch", status });
    });
    sent.end();
  });
}

function probeTcp(spec: ProbeSpec, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: spec.address, port: spec.port, localAddress: BALANCER_ADDRESS });
    const settle = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      resolve(outcome);
      socket.destroy();
    };
    const abort = (): void => settle(FAILED);
    const timer = setTimeout(() => settle(TIMEOUT), spec.timeoutMs);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", () => settle(FAILED));
    socket.on("connect", () => settle({ passed: true, status: undefined }));
  });
}
