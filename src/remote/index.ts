export {
  diskFull,
  isConnectionFault,
  REMOTE_FAULTS,
  RemoteError,
  type RemoteFault,
  saysDiskFull,
} from "./errors.ts";
export { createHost, type Host, type HostOptions } from "./host.ts";
export {
  deriveHostKey,
  fingerprintOf,
  type HostKeyPair,
  type PinnedKey,
  parsePublicKeyLine,
} from "./host-key.ts";
export { cleanJob, isJobGone, jobState, stopJob } from "./job/control.ts";
export { type JobId, jobId, parseJobId } from "./job/id.ts";
export {
  type FollowOptions,
  type JobHandle,
  type JobResult,
  type JobSpec,
  jobHandle,
  startOrJoin,
} from "./job/job.ts";
export { LineSplitter, LONGEST_LINE, type OnLine } from "./job/lines.ts";
export {
  type JobExit,
  JobLostError,
  type JobState,
  JobStoppedError,
  LOST_REASONS,
  type LostReason,
} from "./job/state.ts";
export { type LocalOptions, localExec } from "./local.ts";
export type { Outage, OutageListener } from "./outage.ts";
export { exportLines, quote } from "./quote.ts";
export { probeReady, type ReadyOptions, waitUntilReady } from "./ready.ts";
export type { ProcessEnd, ScriptOptions, ScriptResult } from "./script.ts";
export * from "./service-update/index.ts";
export { openSession, type SessionOptions, type SshSession } from "./session.ts";
export { checkPrivateKey, type SshTarget } from "./target.ts";
export type { JobTransport } from "./transport.ts";
