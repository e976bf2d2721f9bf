import { type FaultOptions, SlipwayError } from "../util/errors.ts";

/** Every way in which work outside of AWS's interfaces can fail. */
export const REMOTE_FAULTS = [
  "ssh_host_key_mismatch",
  "ssh_host_key_invalid",
  "ssh_private_key_invalid",
  "ssh_auth_refused",
  "ssh_unreachable",
  "ssh_connection_lost",
  "ssh_half_open",
  "ssh_forwarding_refused",
  "ssh_session_closed",
  "remote_disk_full",
  "remote_timeout",
  "remote_shell_failed",
  "value_not_passable",
  "job_lost",
  "job_stopped",
  "step_failed",
  "program_missing",
] as const;
export type RemoteFault = (typeof REMOTE_FAULTS)[number];

/** A fault of a connection, a host or a program that runs there; `code` is a {@link RemoteFault}. */
export class RemoteError extends SlipwayError {
  // The base class' `code` is any string; here it is known to be one of ours.
  declare readonly code: RemoteFault;

  constructor(code: RemoteFault, message: string, options: FaultOptions = {}) {
    super(code, message, options);
  }
}

/** Faults after which a new connection may do better. */
const TRANSIENT: ReadonlySet<string> = new Set(["ssh_unreachable", "ssh_connection_lost", "ssh_half_open"]);

/** Whether the connection, and not the host or the command, is at fault, so that connecting again may help. */
export function isConnectionFault(error: unknown): boolean {
  return error instanceof RemoteError && TRANSIENT.has(error.code);
}

const DISK_FULL = /No space left on device|ENOSPC|Disk quota exceeded|File too large/;

/** Whether text that a program printed says that a disk is full (or a quota or file-size limit is reached). */
export function saysDiskFull(text: string): boolean {
  return DISK_FULL.test(text);
}

/** The disk of the machine where the command runs is full. */
export function diskFull(where: string, evidence: string): RemoteError {
  return new RemoteError("remote_disk_full", `The disk of ${where} is full: ${evidence}`, {
    remedy: "Make rootVolume.size larger, or free space on the image that the machine is started from.",
    fields: { where, evidence },
  });
}
