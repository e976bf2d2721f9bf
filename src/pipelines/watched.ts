import { type CallOptions, troubleText } from "../cloud/index.ts";

/** A step, or the attempt at an obligation. */
interface Watched {
  readonly signal: AbortSignal;
  detail(text: string): void;
}

/** With these options of a call of AWS, or of waiting for it, whoever watches the step sees when AWS does not answer. */
export function watched(step: Watched): Required<CallOptions> {
  return { signal: step.signal, onTrouble: (trouble) => step.detail(troubleText(trouble)) };
}
