import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";

/** An answer of Slack's Web API that says no; Slack does this with status 200. */
export function failed(error: string, more: object = {}): Answer {
  return jsonAnswer(200, { ok: false, error, ...more });
}
