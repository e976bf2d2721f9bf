import type { JsonObject, JsonValue } from "../util/json.ts";
import type { Run } from "./run.ts";

/** A pipeline: an ordinary async function over a run, with a version for the journals that it can replay. */
export interface Pipeline<I extends JsonObject = JsonObject> {
  readonly kind: string;
  readonly version: number;
  /** Older versions whose journals this function replays unchanged. */
  readonly compatibleWith: readonly number[];
  readonly body: (run: Run, input: I) => Promise<JsonValue | undefined | void>;
}

/**
 * Declares a pipeline. Raise `version` when steps are renamed, reordered or taken out; name the older versions
 * in `compatibleWith` when their runs can go on under the new code (steps added at the end, wording alone).
 */
export function pipeline<I extends JsonObject>(
  kind: string,
  options: { version: number; compatibleWith?: readonly number[] },
  body: (run: Run, input: I) => Promise<JsonValue | undefined | void>,
): Pipeline {
  return {
    kind,
    version: options.version,
    compatibleWith: options.compatibleWith ?? [],
    body: body as unknown as Pipeline["body"],
  };
}
