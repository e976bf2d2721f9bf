import { randomUUID } from "node:crypto";
import { z } from "zod";
import { refusalText } from "../../commands/lib/refusal-text.ts";
import { toPlain } from "../../commands/lib/text.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { Dispatch } from "../dispatch.ts";
import { terminalAuthority } from "../roles.ts";

/** What `slipway stg` posts: words as the shell has cut them, or one text. */
export const terminalRequest = z.union([
  z.strictObject({
    words: z.array(z.string()).max(200),
    user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/),
    /** The same key starts nothing twice. */
    key: z.string().min(1).max(100).optional(),
  }),
  z.strictObject({
    text: z.string(),
    user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/),
    key: z.string().min(1).max(100).optional(),
  }),
]);

export const terminalReply = z.object({
  refused: z.boolean(),
  reasonCode: z.string().nullable(),
  text: z.string(),
  run: z.number().nullable(),
});
export type TerminalReply = z.infer<typeof terminalReply>;

/** Carries a command of the terminal out and answers it at once. */
export async function handleTerminal(
  dispatch: Dispatch,
  redact: Redactor,
  request: z.infer<typeof terminalRequest>,
): Promise<TerminalReply & JsonObject> {
  const { outcome } = await dispatch({
    written: "words" in request ? { words: request.words } : { text: request.text },
    via: "terminal",
    prefix: "npx slipway stg",
    dedupeKey: `terminal:${request.key ?? randomUUID()}`,
    origin: {},
    authority: async () => terminalAuthority(request.user),
  });
  if (outcome.refused) {
    const text = redact.text(toPlain(refusalText(outcome)));
    return { refused: true, reasonCode: outcome.reasonCode, text, run: null };
  }
  const text = redact.text(toPlain(outcome.text));
  return { refused: false, reasonCode: null, text, run: outcome.run?.id ?? null };
}
