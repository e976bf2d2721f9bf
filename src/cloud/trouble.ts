import { formatTime } from "../util/format.ts";
import type { AwsFault } from "./errors.ts";

/** So long AWS may be silent or refuse before whoever waits for it is told, in ms. */
export const TELL_AFTER_MS = 3_000;

/** AWS does not do what it is asked, and is asked again: time may heal it. */
export interface AwsTrouble {
  /** When it began, ms since 1970. */
  readonly since: number;
  /** How the last call ended; undefined while it is not known: it has had no answer yet. */
  readonly fault: AwsFault | undefined;
}

/** Told when the trouble has lasted for a while and at each further failure; null once it is over. */
export type TroubleListener = (trouble: AwsTrouble | null) => void;

/** In a few words, for whoever watches. */
export function troubleText(trouble: AwsTrouble | null): string {
  if (trouble === null) return "AWS answers again";
  const { since, fault } = trouble;
  const what =
    fault?.kind === "throttled"
      ? "AWS throttles (too many calls)"
      : fault?.kind === "server"
        ? "AWS fails (an error of its own)"
        : "AWS does not answer";
  return `${what} since ${formatTime(since)}, it is asked again`;
}
