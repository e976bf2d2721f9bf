import { sleep } from "../../util/clock.ts";
import { RemoteError } from "../errors.ts";
import { mayTryAgain } from "../host.ts";
import { fill } from "./fields.ts";
import { type ProbeResult, probeHttp } from "./http-probe.ts";
import type { Outcome, StepContext, WaitForStep } from "./types.ts";

const FIRST_PAUSE_MS = 250;
const PAUSE_GROWTH = 1.3;
const LONGEST_QUESTION_MS = 10_000;
const SHORTEST_QUESTION_MS = 1_000;

/**
 * Asks the address, as seen from the host, until it passes or `every` × `attempts` have gone by. The first
 * questions come quickly, and the pause grows to `every`: a service that is up early is not waited for.
 * @param from when the time began, in milliseconds since 1970
 */
export async function waitFor(
  step: WaitForStep,
  context: StepContext,
  from: number,
): Promise<Outcome & { questions: number }> {
  const now = context.now ?? Date.now;
  const url = fill(step.waitFor, context.fields);
  const deadline = from + step.every * step.attempts;
  const timeoutMs = Math.min(Math.max(step.every, SHORTEST_QUESTION_MS), LONGEST_QUESTION_MS);
  const tail: string[] = [];
  let pause = Math.min(FIRST_PAUSE_MS, step.every);
  for (let questions = 1; ; questions++) {
    context.signal.throwIfAborted();
    const result = await askOnce(context, url, timeoutMs);
    const line = `${url}: ${result.text}`;
    // The same answer again and again is said once.
    if (tail.at(-1) !== line) {
      tail.push(line);
      if (tail.length > 20) tail.shift();
      context.log(line);
    }
    if (result.outcome === "passed") return { ok: true, tail, questions };
    if (now() + pause >= deadline) {
      const code = result.outcome === "timeout" ? "remote_timeout" : "step_failed";
      const why = `${url} did not answer within ${(step.every * step.attempts) / 1000} s; last: ${result.text}`;
      return { ok: false, code, why, tail, questions };
    }
    await sleep(pause, context.signal);
    pause = Math.min(pause * PAUSE_GROWTH, step.every);
  }
}

/** A connection that breaks while asking is one failed question; a host that was given up ends the wait. */
async function askOnce(context: StepContext, url: string, timeoutMs: number): Promise<ProbeResult> {
  const open = (host: string, port: number, signal: AbortSignal) => context.host.openTcp(host, port, signal);
  try {
    return await probeHttp(open, url, { timeoutMs, signal: context.signal });
  } catch (error) {
    if (error instanceof RemoteError && mayTryAgain(error)) return { outcome: "failed", text: error.message };
    throw error;
  }
}
