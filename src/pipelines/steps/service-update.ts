import { fillAll, type ServiceStep, type ServiceStepOrGroup } from "../../config/index.ts";
import { leavesRunAlone } from "../../engine/errors.ts";
import type { Owed } from "../../engine/owed.ts";
import type { Background, Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import {
  cleanJob,
  type JobId,
  type JobTransport,
  localExec,
  type Host as RemoteHost,
  runServiceStep,
  StepFailed,
} from "../../remote/index.ts";
import { messageOf, SlipwayError } from "../../util/errors.ts";
import type { JobFacts } from "../owed/jobs.ts";
import { OWED } from "../owed/kinds.ts";
import type { SlotContext } from "../services.ts";
import type { Host } from "./instance.ts";
import { tellOutages } from "./outage.ts";

/** What service steps and tests are told about the run: `SLIPWAY_*` variables, and fields for arguments. */
export interface Subject {
  readonly sha: string | null;
  readonly ref: string | null;
  readonly pr: number | null;
}

/** Runs the configured steps in their order; those in the background are joined at the end. */
export async function updateServices(
  run: Run,
  context: SlotContext,
  host: Host,
  remote: RemoteHost,
  subject: Subject,
): Promise<void> {
  const { steps } = context.config.serviceUpdate;
  if (steps.length === 0) return;
  await run.in("Service update", async (run) => {
    const backgrounds: Background<void>[] = [];
    for (const entry of steps) {
      if (entry.kind !== "parallel" && entry.background) {
        backgrounds.push(
          run.background(entry.name, (run) => one(run, context, host, remote, subject, entry)),
        );
      } else {
        await entryOf(run, context, host, remote, subject, entry, backgrounds);
      }
    }
    for (const background of backgrounds) await background.join();
  });
}

async function entryOf(
  run: Run,
  context: SlotContext,
  host: Host,
  remote: RemoteHost,
  subject: Subject,
  entry: ServiceStepOrGroup,
  backgrounds: Background<void>[],
): Promise<void> {
  if (entry.kind !== "parallel") return await one(run, context, host, remote, subject, entry);
  for (const step of entry.parallel.filter((step) => step.background)) {
    backgrounds.push(run.background(step.name, (run) => one(run, context, host, remote, subject, step)));
  }
  const joined = entry.parallel.filter((step) => !step.background);
  await run.together(
    Object.fromEntries(
      joined.map((step) => [step.name, (run: Run) => one(run, context, host, remote, subject, step)]),
    ),
  );
}

async function one(
  run: Run,
  context: SlotContext,
  host: Host,
  remote: RemoteHost,
  subject: Subject,
  step: ServiceStep,
): Promise<void> {
  try {
    await run.step(step.name, (journaled) => perform(run, journaled, context, host, remote, subject, step));
  } catch (error) {
    if (!step.continueOnError || leavesRunAlone(error)) throw error;
    // A replay meets the failure again, from the journal: what stops the run now is its cancel, not that.
    run.signal.throwIfAborted();
    run.log(`“${step.name}” failed; the update goes on, as configured.`);
  }
}

async function perform(
  run: Run,
  journaled: Step,
  context: SlotContext,
  host: Host,
  remote: RemoteHost,
  subject: Subject,
  step: ServiceStep,
): Promise<{ attempts: number; tries: number }> {
  const local = localExec(context.services.jobsFolder);
  const jobs = new Jobs(run, (line) => journaled.log(line));
  const fields = fieldValues(context, host, subject);
  const unwatch = tellOutages(journaled, remote);
  try {
    const { attempts, tries } = await runServiceStep(
      { ...step, env: fillAll(step.env, fields) },
      {
        host: remote,
        local,
        folder: context.services.baseFolder,
        env: {
          ...slipwayVariables(context, host, subject, run),
          ...fillAll(context.config.serviceUpdate.env, fields),
        },
        fields,
        runUuid: run.uuid,
        path: journaled.path,
        signal: journaled.signal,
        startedAt: journaled.startedAt,
        now: () => journaled.now(),
        log: (line, at) => {
          journaled.log(line);
          if (at) jobs.logged(at.job, at.nextOffset);
        },
        leaveOut: (bytes) => journaled.leaveOut(bytes),
        onTry: (number) => {
          const planned = step.retries + 1;
          journaled.detail(number > planned ? "once more, after onFailure" : `try ${number} of ${planned}`);
        },
        loggedUpTo: (job) => jobs.loggedUpTo(job),
        onJob: ({ id, place }) =>
          place === "host"
            ? jobs.owe(id, OWED.remoteJob, remote, { instanceId: host.instanceId })
            : jobs.owe(id, OWED.localJob, local),
      },
    );
    await jobs.ended(journaled.signal);
    return { attempts, tries };
  } catch (error) {
    // Every try has ended by itself; after an abort or a lost connection a job may still run and stays owed.
    if (error instanceof StepFailed && !journaled.signal.aborted) await jobs.ended(journaled.signal);
    throw step.continueOnError && !journaled.signal.aborted ? passedOver(error) : error;
  } finally {
    unwatch();
  }
}

/** The same error, marked for whoever tells of it: the run goes on. */
function passedOver(error: unknown): unknown {
  if (!(error instanceof SlipwayError) || leavesRunAlone(error)) return error;
  const { code, message, remedy, fields } = error;
  return new SlipwayError(code, message, {
    cause: error,
    fields: { ...fields, wentOn: true },
    ...(remedy !== undefined && { remedy }),
  });
}

const NOTE_OFFSET_EVERY_MS = 1_000;

/** The jobs that one step has started: owed before they start, cleared away and struck out when they have ended. */
class Jobs {
  readonly #run: Run;
  readonly #log: (line: string) => void;
  readonly #owed = new Map<JobId, { readonly owed: Owed<JobFacts>; readonly on: JobTransport }>();
  #notedAt = 0;
  #noting: Promise<void> = Promise.resolve();

  constructor(run: Run, log: (line: string) => void) {
    this.#run = run;
    this.#log = log;
  }

  async owe(
    id: JobId,
    kind: string,
    on: JobTransport,
    where: Pick<JobFacts, "instanceId"> = {},
  ): Promise<void> {
    const owed = await this.#run.owe<JobFacts>(kind, {
      key: id,
      facts: { jobId: id, configHash: this.#run.configHash, ...where },
    });
    if (owed.state === "recorded") await owed.created();
    this.#owed.set(id, { owed, on });
  }

  loggedUpTo(id: JobId): number {
    return this.#owed.get(id)?.owed.facts.logged ?? 0;
  }

  /** Remembered about once a second: after a crash at most the last second of lines is logged again. */
  logged(id: JobId, offset: number): void {
    const owed = this.#owed.get(id)?.owed;
    if (!owed || Date.now() - this.#notedAt < NOTE_OFFSET_EVERY_MS) return;
    this.#notedAt = Date.now();
    this.#noting = this.#noting.then(() => owed.learn({ logged: offset })).catch(() => {});
  }

  /** What they have said is logged, redacted; as they said it, secrets and all, it stays on no machine. */
  async ended(signal: AbortSignal): Promise<void> {
    await this.#noting;
    for (const [id, { owed, on }] of this.#owed) {
      await cleanJob(on, id, signal).catch((error) => {
        signal.throwIfAborted();
        this.#log(`The job's output stays on ${on.where}: ${messageOf(error)}`);
      });
      await owed.strike("ended");
    }
  }
}

function slipwayVariables(
  { name, slot }: SlotContext,
  host: Host,
  { sha, ref, pr }: Subject,
  run: Run,
): Record<string, string> {
  return {
    SLIPWAY_SLOT: name,
    SLIPWAY_URL: slot.url,
    SLIPWAY_HOST: host.address,
    SLIPWAY_SHA: sha ?? "",
    SLIPWAY_REF: ref ?? "",
    SLIPWAY_PR: pr === null ? "" : String(pr),
    // Of production deploys; empty here, so that a script for both can ask.
    SLIPWAY_TAG: "",
    SLIPWAY_BACKUP: "",
    SLIPWAY_RUN: String(run.id),
  };
}

/** What `{fields}` stand for. */
export function fieldValues(
  { name, slot }: SlotContext,
  host: Pick<Host, "address">,
  { sha, ref, pr }: Subject,
): Record<string, string> {
  return {
    slot: name,
    url: slot.url,
    host: host.address,
    region: slot.region,
    ...(sha !== null && { sha, short_sha: sha.slice(0, 7) }),
    ...(ref !== null && { ref, branch: ref }),
    ...(pr !== null && { pr: String(pr) }),
  };
}
