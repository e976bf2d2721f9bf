import type { TestFailure } from "./words.ts";

/** So many failures with a screenshot are named before others: what people look at first. */
const PICTURED_FIRST = 8;

/**
 * Of many failures those that are told by name, at most so many, in their order: each browser has its share, so that
 * one in which everything fails hides no other, and those with a picture come first. Pure.
 */
export function namedFailures<F extends Pick<TestFailure, "screenshot"> & { readonly browser: string }>(
  failures: readonly F[],
  most: number,
): F[] {
  if (failures.length <= most) return [...failures];
  const groups = [...Map.groupBy(failures, ({ browser }) => browser).values()];
  const chosen = new Set<F>();
  let room = most;
  // The smallest first: what a browser leaves of its share is the others'.
  const bySize = groups.toSorted((a, b) => a.length - b.length);
  bySize.forEach((group, index) => {
    const share = Math.min(group.length, Math.floor(room / (bySize.length - index)));
    for (const failure of picturedFirst(group).slice(0, share)) chosen.add(failure);
    room -= share;
  });
  return failures.filter((failure) => chosen.has(failure));
}

function picturedFirst<F extends Pick<TestFailure, "screenshot">>(group: readonly F[]): F[] {
  const first = new Set(group.filter(({ screenshot }) => screenshot !== undefined).slice(0, PICTURED_FIRST));
  return [...first, ...group.filter((failure) => !first.has(failure))];
}
