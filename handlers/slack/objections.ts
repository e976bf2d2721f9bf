import { type Config, formatDuration, parseDuration } from "../../src/config/index.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { FORMS, fieldsOfForm, viewSubmission } from "./forms.ts";

/** What is wrong with a form's fields, by block id: shown below them, and the form stays open. */
export type Objections = Readonly<Record<string, string>>;

/**
 * What can be said of a form at once, from the configuration alone; null: nothing. Slack waits for it (three seconds
 * at most), so nobody is asked here: who may do what, and whether a commit exists, is found when the form is carried
 * out. Source: https://docs.slack.dev/surfaces/modals/#displaying_errors
 */
export function objectionsTo(payload: JsonObject, config: Config): Objections | null {
  const form = viewSubmission.safeParse(payload);
  if (!form.success || form.data.view.callback_id !== FORMS.launch) return null;
  const { slot: name, keep } = fieldsOfForm(form.data);
  if (name === null) return null;
  const slot = config.slots[name];
  if (!slot) return { slot: `${name} is no longer a slot here. Choose another.` };
  const keepMs = keep === null ? undefined : parseDuration(keep);
  if (keepMs === undefined || keepMs <= slot.maxTtl) return null;
  const longest = formatDuration(slot.maxTtl);
  return { keep: `${name} is kept for at most ${longest}. Choose a shorter time or another slot.` };
}
