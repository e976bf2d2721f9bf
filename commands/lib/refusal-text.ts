import type { Refusal } from "../services.ts";
import { type Text, t } from "./text.ts";

/** The whole refusal: what happened, that nothing was started, what to do next. */
export function refusalText(refusal: Refusal): Text {
  return t`${refusal.what} Nothing was started.${refusal.next ? t` ${refusal.next}` : null}`;
}
