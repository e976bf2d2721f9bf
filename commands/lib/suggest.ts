import { distance } from "fastest-levenshtein";

/** The known word that was probably meant, or undefined when none is near. */
export function closest(written: string, known: readonly string[]): string | undefined {
  const word = written.toLowerCase();
  if (word === "" || word.length > 40) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, far: distance(word, candidate.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  if (best && best.far <= Math.max(1, Math.floor(Math.max(word.length, best.candidate.length) / 3))) {
    return best.candidate;
  }
  return known.find((candidate) => word.length >= 3 && candidate.toLowerCase().startsWith(word));
}
