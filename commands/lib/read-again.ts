import { z } from "zod";
import type { Config } from "../../src/config/index.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { type CommitSource, type Refusal, refuse } from "../services.ts";
import type { Naming } from "./commit.ts";
import { code, t } from "./text.ts";

/** A commit as a run was pinned to it. */
export interface Pin {
  readonly repository: string;
  readonly sha: string;
  readonly ref: string | null;
  readonly pr: number | null;
  readonly named: Naming;
}

const pinned = z.object({
  sha: z.string(),
  ref: z.string().nullable(),
  pr: z.number().nullable(),
  /** Null: nobody looked it up. Left out by older versions, which did look up what has a name. */
  repository: z.string().nullish(),
  named: z.enum(["pr", "ref", "sha", "default"]).optional(),
});

/** Whether the commit in a run's input was looked up on GitHub: then it is read again. The same for the same input. */
export function wasLookedUp(input: JsonObject): boolean {
  const read = pinned.safeParse(input);
  if (!read.success || read.data.repository === null) return false;
  return read.data.repository !== undefined || read.data.pr !== null || read.data.ref !== null;
}

/** @param usual the repository that is meant where an older version wrote down none */
export function pinOf(input: JsonObject, usual: string | undefined): Pin | null {
  return wasLookedUp(input) ? pinIn(input, usual) : null;
}

/** The same for a new run: also of a commit that nobody looked up before. */
export function pinAnew(input: JsonObject, usual: string | undefined): Pin | null {
  const pin = pinIn(input, usual);
  return pin && { ...pin, named: wasLookedUp(input) ? pin.named : "sha" };
}

function pinIn(input: JsonObject, usual: string | undefined): Pin | null {
  const read = pinned.safeParse(input);
  const repository = read.data?.repository ?? usual;
  if (!read.success || repository === undefined) return null;
  const { sha, ref, pr, named } = read.data;
  return { repository, sha, ref, pr, named: named ?? (pr === null ? "default" : "pr") };
}

/** The repository that a slot runs when none is named. */
export function usualRepository({ slots, github }: Config, slot: string): string | undefined {
  return slots[slot]?.repositories[0] ?? github.repositories[0];
}

/**
 * Reads a pinned commit again: what was named must still be there, and be what was shown. A pull request must be
 * open, not come from a refused fork, and have the same head; a branch or tag that was named must be at the same
 * commit. Of the default branch, and of a commit named by its digits, nobody asked for the newest: the commit need
 * only still exist.
 *
 * @param again launches what is there now: `/stg launch stg1`, and the repository that this means; `prove`: that a
 *   commit named by its digits is in the repository is to be shown (again), since forks may be refused by now
 */
export async function readAgain(
  source: CommitSource,
  { repository, sha, ref, pr, named }: Pin,
  again: { readonly command: string; readonly usual: string | undefined; readonly prove?: boolean },
): Promise<Refusal | null> {
  const known = again.prove !== true;
  const wish =
    named === "pr" && pr !== null ? { pr } : named === "ref" && ref !== null ? { ref } : { sha, known };
  const found = await source.resolve({ repository, ...wish });
  if ("refused" in found) return found;
  if (found.sha === sha) return null;
  const prefix = repository === again.usual ? "" : `${repository}#`;
  const [what, option] =
    "pr" in wish
      ? [t`Pull request ${wish.pr} of ${repository}`, `--pr ${prefix}${wish.pr}`]
      : [t`${code(ref ?? sha)} of ${repository}`, `--ref ${ref}`];
  return refuse(
    "head_moved",
    t`${what} has moved on to ${code(found.sha.slice(0, 7))}; ${code(sha.slice(0, 7))} was asked for.`,
    t`${code(`${again.command} ${option}`)} launches the new one.`,
  );
}
