import type { StepView } from "../engine/types.ts";
import { formatDuration } from "../util/format.ts";
import { hasEnded, type Story } from "./story.ts";

const MINUTE = 60_000;

/** `about 12 min`, rounded so that it does not pretend to know more; below a minute `less than a minute`. */
export function roughly(ms: number): string {
  if (ms < MINUTE) return "less than a minute";
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 60) return `about ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 15) * 15;
  return rest === 0
    ? `about ${hours} h`
    : rest === 60
      ? `about ${hours + 1} h`
      : `about ${hours} h ${rest} min`;
}

/** `DM answers: 6 of about 14 min`; without earlier runs, how long it has taken so far. Pure. */
export function stepProgress(step: StepView, { usual, now }: Story): string {
  const since = now - (step.startedAt ?? now);
  const expected = usual.steps.get(step.path) ?? null;
  const again = step.attempt > 1 ? `, attempt ${step.attempt}` : "";
  const said = `${again}${step.detail === null ? "" : ` (${step.detail})`}`;
  if (expected === null || expected < MINUTE) return `${step.name}${said}: ${formatDuration(since)}`;
  const of = roughly(expected);
  if (since > expected * 1.5) return `${step.name}${said}: ${formatDuration(since)}, usually ${of}`;
  return `${step.name}${said}: ${Math.floor(since / MINUTE)} of ${of}`;
}

/** `about 12 min left`; null when earlier runs do not tell, or it takes longer than they did. Pure. */
export function timeLeft({ run, usual, now }: Story): string | null {
  if (usual.total === null || run.startedAt === null || hasEnded(run)) return null;
  const left = usual.total - (now - run.startedAt);
  return left < MINUTE / 2 ? null : `${roughly(left)} left`;
}

/** Of a kept environment, coarser the longer it is: a message is not edited every minute. Pure. */
export function keptLeft(until: number, now: number): string {
  const minutes = Math.max(0, Math.ceil((until - now) / MINUTE));
  const coarse = minutes > 60 ? 30 : minutes > 20 ? 10 : 5;
  return minutes === 0
    ? "its time is over"
    : `${roughly(Math.ceil(minutes / coarse) * coarse * MINUTE)} left`;
}
