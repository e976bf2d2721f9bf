import { resolve } from "node:path";
import { sleep } from "../../util/clock.ts";
import { ansibleJob, programScript } from "./ansible.ts";
import { fillArguments } from "./fields.ts";
import { isFaultOfTry, isFinal, type JobWork, runJob } from "./run-job.ts";
import {
  failedBecause,
  type Outcome,
  type ServiceStep,
  type StepContext,
  StepFailed,
  type StepResult,
} from "./types.ts";
import { waitFor } from "./wait-for.ts";

export { PROBE_OUTCOMES, type ProbeOutcome, type ProbeResult, probeHttp } from "./http-probe.ts";
export * from "./types.ts";

/** How long `onFailure` may take, in ms. */
export const MEND_TIMEOUT_MS = 15 * 60_000;
const FIRST_RETRY_PAUSE_MS = 500;
const LONGEST_RETRY_PAUSE_MS = 15_000;

/**
 * Executes one configured step: its tries, then `onFailure` and a last one. Called again with the same run and
 * path, after a restart, it joins the jobs that were started before, finished ones included, so nothing is
 * done twice. An abort ends the following; ending the job itself is the obligation's matter (`onJob`).
 * @throws StepFailed when the last try has failed; JobLostError; RemoteError when the host is given up
 */
export async function runServiceStep(step: ServiceStep, context: StepContext): Promise<StepResult> {
  const now = context.now ?? Date.now;
  const began = context.startedAt ?? now();
  const tries = new Tries(step, context, began);
  let outcome = await tries.next();
  while (!outcome.ok && tries.made <= step.retries && !isFinal(outcome)) {
    context.log(`Try ${tries.made} of ${step.retries + 1}: ${outcome.why}`);
    await sleep(
      Math.min(FIRST_RETRY_PAUSE_MS * 2 ** (tries.made - 1), LONGEST_RETRY_PAUSE_MS),
      context.signal,
    );
    outcome = await tries.next();
  }
  if (!outcome.ok && step.onFailure !== undefined && !isFinal(outcome)) {
    await tries.mend(step.onFailure.run);
    outcome = await tries.next();
  }
  const attempts = tries.questions || tries.made;
  const result = { attempts, tries: tries.made, durationMs: now() - began };
  if (!outcome.ok) throw new StepFailed(step.name, outcome, result);
  return { ...result, tail: outcome.tail };
}

class Tries {
  made = 0;
  /** Of a wait: how often the address was asked, over all tries. */
  questions = 0;
  readonly #step: ServiceStep;
  readonly #context: StepContext;
  #from: number;

  constructor(step: ServiceStep, context: StepContext, began: number) {
    this.#step = step;
    this.#context = context;
    this.#from = began;
  }

  async next(): Promise<Outcome> {
    this.made++;
    if (this.made > 1) this.#context.onTry?.(this.made);
    if (this.#step.kind === "waitFor") {
      const outcome = await waitFor(this.#step, this.#context, this.#from);
      this.questions += outcome.questions;
      this.#from = (this.#context.now ?? Date.now)();
      return outcome;
    }
    const work = await workOf(this.#step, this.#context);
    return this.#try(work, this.#context.path, this.made);
  }

  /** What is to mend the failure; that it fails itself is logged, and the last try shows what came of it. */
  async mend(script: string): Promise<void> {
    const { env, directory } = this.#step;
    const place = this.#step.kind === "local" || this.#step.kind === "ansible" ? "local" : "host";
    const work: JobWork = {
      place,
      script,
      env: { ...this.#context.env, ...env },
      directory: place === "local" ? resolve(this.#context.folder, directory ?? ".") : directory,
      timeoutMs: MEND_TIMEOUT_MS,
    };
    const outcome = await this.#try(work, `${this.#context.path}/onFailure`, 1);
    if (!outcome.ok) this.#context.log(`onFailure: ${outcome.why}`);
    this.#from = (this.#context.now ?? Date.now)();
  }

  async #try(work: JobWork, path: string, attempt: number): Promise<Outcome> {
    try {
      return await runJob(work, this.#context, path, attempt);
    } catch (error) {
      if (isFaultOfTry(error)) return failedBecause(error);
      throw error;
    }
  }
}

async function workOf(
  step: Exclude<ServiceStep, { kind: "waitFor" }>,
  context: StepContext,
): Promise<JobWork> {
  const env = { ...context.env, ...step.env };
  const timeoutMs = step.timeout;
  if (step.kind === "run") {
    return { place: "host", script: step.run, env, directory: step.directory, timeoutMs };
  }
  const directory = resolve(context.folder, step.directory ?? ".");
  if (step.kind === "local") {
    const script = programScript(fillArguments(step.local, context.fields));
    return { place: "local", script, env, directory, timeoutMs };
  }
  const job = ansibleJob(step, await context.host.currentTarget(context.signal), context.fields);
  return { place: "local", script: job.script, env: { ...env, ...job.env }, directory, timeoutMs };
}
