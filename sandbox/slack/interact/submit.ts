import { z } from "zod";
import { checkView, type ViewContent } from "../content/check.ts";
import { parsedParameter } from "../parameters.ts";
import type { View } from "../views/store.ts";
import type { Interacted, InteractionParts, NotSent } from "./action.ts";
import { type Control, controlsOf } from "./ids.ts";
import { actorOf } from "./person.ts";
import { type Given, isFilled, stateOf } from "./values.ts";

const given = z.union([z.string(), z.array(z.string()), z.null()]);

export const submissionSchema = z.strictObject({
  user: z.string(),
  viewId: z.string(),
  /** By block id: what was chosen, or, where a block's field is named, `{action id: what was chosen}`. */
  values: z.record(z.string(), z.union([given, z.record(z.string(), given)])).default({}),
  /** True: the person closes the modal instead of submitting it. */
  close: z.boolean().default(false),
  /** That of an earlier delivery, to send the same once more. */
  triggerId: z.string().optional(),
});
export type SubmissionInput = z.input<typeof submissionSchema>;

export interface Submitted extends Interacted {
  /** What the person sees below the fields, by block id. */
  readonly errors: Readonly<Record<string, string>>;
  /** The modals that are open now, oldest first. */
  readonly open: readonly string[];
}

type Submission = z.output<typeof submissionSchema>;

const answerSchema = z.looseObject({
  response_action: z.enum(["errors", "clear", "update", "push"]),
  errors: z.record(z.string(), z.string()).optional(),
  view: z.unknown().optional(),
});

/** Submits or closes a modal, and obeys what the app answers: view-interactions-payload. */
export async function submitView(input: Submission, parts: InteractionParts): Promise<Submitted | NotSent> {
  const actor = actorOf(input.user);
  const found = parts.views.find(input.viewId);
  if (found?.user !== actor.id || found.view.type !== "modal") {
    return { error: "view_not_found", message: `${input.user} has no such modal open` };
  }
  const triggerId = parts.triggers.create(actor.id, input.viewId, input.triggerId);
  if (input.close) return closeView(found.view, actor, triggerId, parts);

  const values = filledIn(found.view, input.values);
  const missing = controlsOf(found.view.blocks).filter((control) => isMissing(control, values));
  if (missing.length > 0) {
    const errors = Object.fromEntries(missing.map(({ blockId }) => [blockId, REQUIRED]));
    const message = `${Object.keys(errors).join(", ")} must be filled in: Slack sends nothing`;
    return { error: "missing_input", message, errors };
  }
  const view: View = { ...found.view, state: { values } };
  const payload = {
    type: "view_submission",
    ...actor.payload,
    trigger_id: triggerId,
    view,
    response_urls: [],
  };
  const sent = await parts.delivery.send("interactive", payload);
  const errors = sent.status === 200 ? obey(sent.body, actor.id, found.view, parts) : { "": TROUBLE };
  return { ...sent, triggerId, errors, open: parts.views.openOf(actor.id).map(({ id }) => id) };
}

const REQUIRED = "Please complete this required field.";
/** Slack's words when the app does not answer a submission in time. */
const TROUBLE = "We had some trouble connecting. Try again?";

async function closeView(
  view: View,
  actor: ReturnType<typeof actorOf>,
  triggerId: string,
  { views, delivery }: InteractionParts,
): Promise<Submitted> {
  const all = view.clear_on_close;
  views.close(actor.id, all);
  const open = views.openOf(actor.id).map(({ id }) => id);
  const unsaid = { status: 200, body: "", elapsedMs: 0, via: "http" } as const;
  if (!view.notify_on_close) return { ...unsaid, triggerId, errors: {}, open };
  const payload = { type: "view_closed", ...actor.payload, view, is_cleared: all };
  return { ...(await delivery.send("interactive", payload)), triggerId, errors: {}, open };
}

/** What the app has answered decides on what happens to the modal; nothing said closes it. */
function obey(
  body: string,
  user: string,
  view: View,
  { views }: InteractionParts,
): Readonly<Record<string, string>> {
  if (body.trim() === "") {
    views.close(user, false);
    return {};
  }
  const answer = answerSchema.safeParse(parsedParameter(body));
  if (!answer.success) return { "": TROUBLE };
  const { response_action: action, errors = {}, view: next } = answer.data;
  if (action === "errors") return errors;
  if (action === "clear") {
    views.close(user, true);
    return {};
  }
  const content = checkView(next, "modal");
  if ("length" in content) return { "": TROUBLE };
  const shown = action === "update" ? update(views, view, content) : views.push(user, view.id, content);
  return typeof shown === "string" ? { "": TROUBLE } : {};
}

function update(views: InteractionParts["views"], view: View, content: ViewContent): View | string {
  return views.update({ id: view.id }, content);
}

function filledIn(view: View, values: Submission["values"]): Record<string, Record<string, unknown>> {
  const filled: Record<string, Record<string, unknown>> = {};
  for (const control of controlsOf(view.blocks)) {
    if (control.element.type === "button" || control.element.type === "overflow") continue;
    const { blockId, actionId } = control;
    filled[blockId] = { ...filled[blockId], [actionId]: stateOf(control, givenFor(control, values)) };
  }
  return filled;
}

function givenFor({ blockId, actionId }: Control, values: Submission["values"]): Given {
  const ofBlock = values[blockId];
  if (ofBlock !== null && typeof ofBlock === "object" && !Array.isArray(ofBlock)) return ofBlock[actionId];
  return ofBlock as Given;
}

function isMissing(
  { blockId, actionId, block }: Control,
  values: Record<string, Record<string, unknown>>,
): boolean {
  if (block.type !== "input" || block.optional === true) return false;
  return !isFilled((values[blockId]?.[actionId] ?? {}) as Record<string, unknown>);
}
