import { RemoteError, saysDiskFull } from "../errors.ts";
import { jobId } from "../job/id.ts";
import { type JobResult, startOrJoin } from "../job/job.ts";
import type { JobPlace, Outcome, StepContext } from "./types.ts";

export interface JobWork {
  readonly place: JobPlace;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly directory?: string | undefined;
  readonly timeoutMs: number;
}

/** Starts or joins the job of one attempt and follows it to its end. @param path makes, with the attempt, its id */
export async function runJob(
  work: JobWork,
  context: StepContext,
  path: string,
  attempt: number,
): Promise<Outcome> {
  const transport = work.place === "host" ? context.host : context.local;
  const id = jobId(context.runUuid, path, attempt);
  await context.onJob?.({ id, place: work.place });
  const job = await startOrJoin(
    transport,
    {
      id,
      script: work.script,
      env: work.env,
      timeoutMs: work.timeoutMs,
      ...(work.directory === undefined ? {} : { directory: work.directory }),
    },
    context.signal,
  );
  const logged = context.loggedUpTo?.(id) ?? 0;
  const result = await job.follow({
    signal: context.signal,
    onLine: (line, nextOffset) => {
      if (nextOffset > logged) context.log(line, { job: id, nextOffset });
    },
    onSkip: (bytes, nextOffset) => {
      if (nextOffset > logged) context.leaveOut?.(Math.min(bytes, nextOffset - logged));
    },
  });
  return judge(result, work, transport.where);
}

function judge(result: JobResult, work: JobWork, where: string): Outcome {
  const { tail, exitCode } = result;
  if (exitCode === 0 && !result.timedOut && !result.stopped) return { ok: true, tail };
  const failed = { ok: false as const, tail, exitCode };
  if (result.stopped) return { ...failed, code: "job_stopped", why: "it was stopped" };
  if (result.timedOut) {
    const why = `it did not end within ${work.timeoutMs / 1000} s and was ended`;
    return { ...failed, code: "remote_timeout", why, remedy: "Give the step a longer timeout." };
  }
  if (result.diskFull || saysDiskFull(tail.join("\n"))) {
    const why = `the disk of ${where} is full`;
    const remedy = "Make rootVolume.size larger, or free space on the image.";
    return { ...failed, code: "remote_disk_full", why, remedy };
  }
  if (exitCode === 127) {
    const why = "a program that it names is not there (exit code 127)";
    return { ...failed, code: "program_missing", why, remedy: "Install it there, or give its whole path." };
  }
  const how = result.signal === null ? `exit code ${exitCode}` : `exit code ${exitCode}, SIG${result.signal}`;
  return { ...failed, code: "step_failed", why: `it ended with ${how}` };
}

/** Whether trying again makes no sense: nobody knows what the job did, or somebody wanted it to end. */
export function isFinal(outcome: Outcome): boolean {
  return !outcome.ok && outcome.code === "job_stopped";
}

/** A fault of one try that the next one may not meet: only that of a full disk, before anything was started. */
export function isFaultOfTry(error: unknown): error is RemoteError {
  return error instanceof RemoteError && error.code === "remote_disk_full";
}
