import type { Fault } from "./faults.ts";
import type { Answer } from "./forward.ts";

/** What a front answers when a fault strikes, in its provider's own words. */
export interface FaultWords {
  error(code: string | undefined): Answer;
  throttle(retryAfterSeconds: number): Answer;
  notFound(code: string | undefined): Answer;
}

/**
 * Runs `effect` as the fault wants it: not at all, or with its answer lost. Undefined means that no answer
 * ever comes; the caller then leaves the connection open.
 */
export async function withFault(
  fault: Fault | undefined,
  words: FaultWords,
  effect: () => Promise<Answer>,
): Promise<Answer | undefined> {
  switch (fault?.mode) {
    case undefined:
      return effect();
    case "error-before":
      return words.error(fault.code);
    case "error-after":
      await effect();
      return words.error(fault.code);
    case "hang-before":
      return undefined;
    case "hang-after":
      await effect();
      return undefined;
    case "throttle":
    case "ratelimited":
      return words.throttle(fault.retryAfter ?? 1);
    case "notfound":
      return words.notFound(fault.code);
    case "garbage-after":
      return cutOff(await effect());
    case "garbage":
      return {
        status: 200,
        headers: { "content-type": "application/json" },
        body: Buffer.from('{"ok": tru'),
      };
  }
}

/** The first half of it, as a connection that breaks under way leaves it. */
function cutOff({ status, headers, body }: Answer): Answer {
  return { status, headers, body: body.subarray(0, Math.ceil(body.length / 2)) };
}

export function jsonAnswer(status: number, body: object, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: Buffer.from(JSON.stringify(body)),
  };
}
