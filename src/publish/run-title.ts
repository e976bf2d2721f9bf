import type { RunView } from "../engine/types.ts";

/** Where a command's word is no noun. */
const NOUNS: Readonly<Record<string, string>> = { terminate: "termination" };

/** `Launch of stg1`; while it waits for any of several slots, of those. Pure. */
export function runTitle({ kind, target, candidates }: RunView): string {
  const noun = NOUNS[kind] ?? kind;
  return `${noun[0]?.toUpperCase() ?? ""}${noun.slice(1)} of ${target ?? candidates.join(" or ")}`;
}
