import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import type { CallLog } from "./calls.ts";
import { type FaultBook, faultListSchema } from "./faults.ts";
import { readBody, sendJson } from "./http.ts";

/**
 * The part of `/_sandbox/` that every front has: `POST faults`, `GET faults`, `GET calls`, `POST reset`.
 * Returns false when the path is not one of these.
 */
export async function control(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  parts: { readonly faults: FaultBook; readonly calls: CallLog },
): Promise<boolean> {
  switch (`${request.method} ${path}`) {
    case "POST /_sandbox/faults": {
      const parsed = faultListSchema.safeParse(parseJson(await readBody(request)));
      if (!parsed.success) {
        sendJson(response, 400, { error: "invalid_faults", message: z.prettifyError(parsed.error) });
        return true;
      }
      parts.faults.set(parsed.data);
      sendJson(response, 200, { faults: parsed.data.length });
      return true;
    }
    case "GET /_sandbox/faults":
      sendJson(response, 200, parts.faults.list());
      return true;
    case "GET /_sandbox/calls":
      sendJson(response, 200, parts.calls.list());
      return true;
    case "POST /_sandbox/reset":
      parts.faults.set([]);
      parts.calls.clear();
      sendJson(response, 200, { ok: true });
      return true;
    default:
      return false;
  }
}

/** JSON, or undefined where it is none: the schema that follows says so in words. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
