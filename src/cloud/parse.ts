import type { z } from "zod";
import { type CallFacts, unreadableAnswer } from "./errors.ts";

/**
 * Reads an answer of AWS by schema. Every member of the SDK's answers may be missing, and an answer that some
 * proxy made up arrives as one with nothing in it: so whatever we conclude from must be demanded here.
 *
 * @throws AwsFault of kind `garbage`.
 */
export function parseAnswer<S extends z.ZodType>(schema: S, answer: unknown, call: CallFacts): z.output<S> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") || "the answer";
  throw unreadableAnswer(call, `${where}: ${issue?.message ?? "malformed"}`, result.error);
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

const MOST_PAGES = 200;

/**
 * Reads all pages. AWS may answer with an empty page and a token, so only a missing token ends the listing; a
 * token that comes back twice would go round for ever and is refused.
 */
export async function allPages<T>(
  call: CallFacts,
  page: (token: string | undefined) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  const seen = new Set<string>();
  let token: string | undefined;
  do {
    const { items: more, next } = await page(token);
    items.push(...more);
    if (next !== undefined && seen.has(next)) throw unreadableAnswer(call, "the same page token came twice");
    if (seen.size >= MOST_PAGES) throw unreadableAnswer(call, `more than ${MOST_PAGES} pages`);
    if (next !== undefined) seen.add(next);
    token = next;
  } while (token !== undefined);
  return items;
}

/** The list in pieces of at most `size`. */
export function chunks<T>(list: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < list.length; start += size) pieces.push(list.slice(start, start + size));
  return pieces;
}
