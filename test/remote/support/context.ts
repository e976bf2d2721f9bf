import { onTestFinished } from "vitest";
import {
  createHost,
  type JobId,
  localExec,
  type SshTarget,
  type StepContext,
} from "../../../src/remote/index.ts";
import { folder } from "./folder.ts";

export interface TestContext extends StepContext {
  readonly lines: string[];
  readonly jobs: { id: JobId; place: string }[];
}

let number = 0;

/** A context as the pipelines give it, on real machines; PATH is that of this process, for Ansible. */
export function stepContext(server: { target: SshTarget }, more: Partial<StepContext> = {}): TestContext {
  const signal = more.signal ?? new AbortController().signal;
  const host = createHost(async () => server.target, { signal });
  onTestFinished(() => host.close());
  const lines: string[] = [];
  const jobs: { id: JobId; place: string }[] = [];
  return {
    host,
    local: localExec(folder()),
    folder: folder(),
    env: { SLIPWAY_SLOT: "stg1", SLIPWAY_SHA: "0123abc" },
    fields: { slot: "stg1", sha: "0123abc", host: "127.0.0.1", ref: "feature/x" },
    runUuid: `run ${process.pid} ${++number}`,
    path: "update/step",
    signal,
    log: (line) => lines.push(line),
    onJob: async (job) => void jobs.push(job),
    lines,
    jobs,
    ...more,
  };
}
