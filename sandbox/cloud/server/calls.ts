/** One call as `GET _sandbox/calls` tells it. */
export interface CallRecord {
  /** ISO 8601, when the request had arrived. */
  readonly at: string;
  /** `ec2:RunInstances` */
  readonly action: string;
  readonly region: string;
  readonly parameters: unknown;
  /** HTTP status; 0 while unanswered, and for ever when the answer was withheld. */
  status: number;
  /** The error code, where it was an error. */
  code?: string;
  /** The fault that was played on it. */
  fault?: string;
  /** Milliseconds until the answer. */
  tookMs?: number;
}

/** Old calls fall out, so that a long-running sandbox does not grow without end. */
const MOST_CALLS = 50_000;

export class CallLog {
  #records: CallRecord[] = [];

  begin(record: CallRecord): CallRecord {
    this.#records.push(record);
    if (this.#records.length > MOST_CALLS) this.#records = this.#records.slice(-MOST_CALLS / 2);
    return record;
  }

  /** From a time on (ISO 8601), of one action or of one service (`ec2:*`), in order of arrival. */
  list(since: string | undefined, action: string | undefined): readonly CallRecord[] {
    const start = since === undefined ? 0 : Date.parse(since);
    return this.#records.filter(
      (record) => Date.parse(record.at) >= start && (action === undefined || fits(action, record.action)),
    );
  }

  clear(): void {
    this.#records = [];
  }
}

/** The CLI's and the documentation's short names for what IAM calls `elasticloadbalancing`. */
const SHORT_NAMES = /^(elbv2|elb):/;

/** Does a pattern (`ec2:RunInstances`, `ec2:*`, `*`) fit an action? */
export function fits(pattern: string, action: string): boolean {
  const full = pattern.replace(SHORT_NAMES, "elasticloadbalancing:");
  if (full === "*" || full === action) return true;
  return full.endsWith(":*") && action.startsWith(full.slice(0, -1));
}
