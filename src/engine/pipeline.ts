import type { JsonObject, JsonValue } from "../util/json.ts";
import type { Run } from "./run.ts";

/** A pipeline: an ordinary async function over a run, with a version for the journals that it can replay. */
export interface Pipeline<I extends JsonObject = JsonObject> {
  readonly kind: string;
  readonly version: number;
  /** Older versions whose journals this function replays unchanged. */
  readonly compatibleWith: readonly number[];
  readonly leaves: Leaves<I>;
  readonly body: (run: Run, input: I) => Promise<JsonValue | undefined | void>;
}

/**
 * What a run that succeeds leaves of its resource: held for its requester, free, or (undefined) as it found it.
 * Told before it runs, for those who wait.
 */
export type Leaves<I extends JsonObject> = (input: I, resource: string) => "held" | "free" | undefined;

/**
 * Declares a pipeline. Raise `version` when steps are renamed, reordered or taken out; name the older versions
 * in `compatibleWith` when their runs can go on under the new code (steps added at the end, wording alone).
 */
export function pipeline<I extends JsonObject>(
  kind: string,
  options: { version: number; compatibleWith?: readonly number[]; leaves?: Leaves<I> },
  body: (run: Run, input: I) => Promise<JsonValue | undefined | void>,
): Pipeline {
  return {
    kind,
    version: options.version,
    compatibleWith: options.compatibleWith ?? [],
    leaves: (options.leaves ?? (() => undefined)) as Pipeline["leaves"],
    body: body as unknown as Pipeline["body"],
  };
}
