import { type JobId, jobId } from "../../remote/index.ts";
import type { TestRunId } from "../runner.ts";

/** The job in which one browser's suite runs, or (`LISTING`) in which its tests are listed. */
export function jobOf({ runUuid, path, attempt }: TestRunId, browser: string): JobId {
  return jobId(runUuid, `${path}/tests/${browser}`, attempt);
}
