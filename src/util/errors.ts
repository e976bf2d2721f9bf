/**
 * A fault that a person may have to act on: what happened, in what fields, why, and what to do about it.
 * Expected refusals (a taken slot, a missing role) are values, not errors.
 */
export class SlipwayError extends Error {
  /** Stable and machine-readable, e.g. `ssh_host_key_mismatch`. */
  readonly code: string;
  /** What to do next, as a sentence for a person. */
  readonly remedy: string | undefined;
  /** Facts that belong to the fault; JSON, never a secret. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.remedy = options.remedy;
    this.fields = options.fields ?? {};
  }
}

export interface FaultOptions {
  readonly cause?: unknown;
  readonly remedy?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of whatever was thrown: ours, Node's (`ECONNRESET`), or the error's class name. */
export function codeOf(error: unknown): string {
  if (error instanceof SlipwayError) return error.code;
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    return typeof code === "string" ? code : error.name;
  }
  return "unknown";
}
