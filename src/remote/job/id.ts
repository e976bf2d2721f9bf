import { createHash } from "node:crypto";

/** The id of a job; the folder's name on the machine where it runs. */
export type JobId = string & { readonly __brand: "JobId" };

/**
 * The same run, step and attempt always give the same id, so that a bot that was killed finds the job again.
 * @param runUuid never the run's small number, which a restored database would repeat
 * @param path the step's path in the run
 */
export function jobId(runUuid: string, path: string, attempt: number): JobId {
  const hash = createHash("sha256").update(JSON.stringify([runUuid, path, attempt]));
  return hash.digest("hex").slice(0, 32) as JobId;
}

/** Reads an id that came from a journal. @throws TypeError when it is none */
export function parseJobId(text: string): JobId {
  if (!/^[0-9a-f]{32}$/.test(text)) throw new TypeError(`"${text.slice(0, 40)}" is not a job id`);
  return text as JobId;
}
