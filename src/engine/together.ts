import { attachAlongside, leavesRunAlone, SiblingFailedError } from "./errors.ts";

/**
 * Runs branches side by side: when one fails the others are stopped, all are awaited, and the first error is thrown
 * with the others attached.
 */
export async function allOrNone<Body>(
  outer: AbortSignal,
  branches: Readonly<Record<string, Body>>,
  begin: (name: string, body: Body, signal: AbortSignal) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const errors: unknown[] = [];
  const results: Record<string, unknown> = {};
  await Promise.all(
    Object.entries(branches).map(async ([name, body]) => {
      try {
        results[name] = await begin(name, body, signal);
      } catch (error) {
        errors.push(error);
        stop.abort(leavesRunAlone(error) ? error : new SiblingFailedError(name));
      }
    }),
  );
  if (errors.length > 0) throw firstOf(errors);
  return results;
}

function firstOf(errors: readonly unknown[]): unknown {
  const alone = errors.find(leavesRunAlone);
  if (alone !== undefined) return alone;
  // A branch that was stopped because of another is not the cause.
  const first = errors.find((error) => !(error instanceof SiblingFailedError)) ?? errors[0];
  attachAlongside(
    first,
    errors.filter((error) => error !== first),
  );
  return first;
}
