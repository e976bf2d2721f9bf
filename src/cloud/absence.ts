import { type Instance, isAlive } from "./instance.ts";

/**
 * When may an instance be called gone? AWS is eventually consistent: one `terminated` may be followed by an
 * older answer, and "not found" is no answer at all soon after a launch. So: `terminated` seen at least
 * twice, or absent by id, by client token and by tags together, without a break, for long enough.
 */

/** One look by every name that the instance may be found under. */
export interface Sighting {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** All instances found by id, token or tags, each once. */
  readonly instances: readonly Instance[];
}

/** What the looks so far have shown: JSON, to be kept with the obligation. */
export interface AbsenceRecord {
  /** Consecutive looks that showed the instance, or instances, as terminated and nothing else. */
  readonly terminatedSeen: number;
  readonly lastSeenAt: number | null;
  /** Since when no look has shown anything; null while something is shown. */
  readonly absentSince: number | null;
  /** Consecutive looks that found nothing. */
  readonly absentLooks: number;
}

export const NOTHING_SEEN: AbsenceRecord = {
  terminatedSeen: 0,
  lastSeenAt: null,
  absentSince: null,
  absentLooks: 0,
};

/** Two looks closer together than this count as one: both may come from the same cache. */
const APART_MS = 500;
const TERMINATED_LOOKS = 2;
/** A clock that jumps ahead must not turn one look into ten minutes of them. */
const ABSENT_LOOKS = 5;

/** For how long nothing may have been found, in ms, before that counts as gone. */
export const ABSENT_FOR_MS = 600_000;

/**
 * For how long nothing may have been found of a launch whose request AWS now refuses, in ms. The refusal speaks of
 * its own call alone: an earlier one, without an answer, may have launched what AWS does not show everywhere yet.
 */
export const ABSENT_AFTER_REFUSAL_MS = 30_000;

/** The record after one more look. */
export function recordSighting(record: AbsenceRecord, sighting: Sighting): AbsenceRecord {
  const { at, instances } = sighting;
  if (instances.some(isAlive)) return { ...NOTHING_SEEN, lastSeenAt: at };
  const apart = record.lastSeenAt === null || Math.abs(at - record.lastSeenAt) >= APART_MS;
  if (instances.length === 0) {
    if (record.absentSince === null) return { ...record, lastSeenAt: at, absentSince: at, absentLooks: 1 };
    return apart ? { ...record, lastSeenAt: at, absentLooks: record.absentLooks + 1 } : record;
  }
  if (record.terminatedSeen > 0 && !apart) return record;
  return { ...NOTHING_SEEN, lastSeenAt: at, terminatedSeen: record.terminatedSeen + 1 };
}

export type AbsenceVerdict =
  | { readonly gone: true; readonly how: "terminated" | "absent" }
  | { readonly gone: false; readonly why: string };

/**
 * @param absentForMs how long nothing may have been found before that counts; 10 minutes unless the creating
 *   call is known to have been refused.
 */
export function judgeAbsence(
  record: AbsenceRecord,
  now: number,
  absentForMs = ABSENT_FOR_MS,
): AbsenceVerdict {
  if (record.terminatedSeen >= TERMINATED_LOOKS) return { gone: true, how: "terminated" };
  // Seen as terminated once and then no more: AWS has forgotten it, as it does after about an hour.
  if (record.terminatedSeen > 0 && record.absentSince !== null) return { gone: true, how: "terminated" };
  if (record.absentSince === null) {
    const why = record.terminatedSeen > 0 ? "seen as terminated only once" : "not seen as terminated";
    return { gone: false, why };
  }
  const absentMs = now - record.absentSince;
  if (absentMs >= absentForMs && record.absentLooks >= ABSENT_LOOKS) return { gone: true, how: "absent" };
  const minutes = Math.round(absentForMs / 6_000) / 10;
  return { gone: false, why: `not found, which counts only after ${minutes} minutes without a sign of it` };
}
