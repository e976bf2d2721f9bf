import { jsonAnswer } from "../../front/faulty.ts";
import type { Answer } from "../../front/forward.ts";
import { failed } from "../answers.ts";
import type { ViewContent } from "../content/check.ts";
import { parsedParameter, textParameter } from "../parameters.ts";
import { personById } from "../people.ts";
import type { View, ViewError, Views } from "./store.ts";
import type { Triggers } from "./triggers.ts";

export interface ViewParts {
  readonly views: Views;
  readonly triggers: Triggers;
}

/** `views.open`, `push`, `update` and `publish`; the view itself was checked before. Undefined: another method. */
export function serveViews(
  method: string,
  parameters: Readonly<Record<string, unknown>>,
  { views, triggers }: ViewParts,
): Answer | undefined {
  // Checked by contentError, as everything that the bot sends.
  const content = parsedParameter(parameters.view) as ViewContent;
  switch (method) {
    case "views.open":
    case "views.push": {
      const trigger = triggers.take(textParameter(parameters.trigger_id ?? parameters.interactivity_pointer));
      if (typeof trigger === "string") return failed(trigger);
      if (method === "views.open") return answer(views.open(trigger.user, content));
      return answer(views.push(trigger.user, trigger.viewId, content));
    }
    case "views.update": {
      const id = textParameter(parameters.view_id);
      const externalId = textParameter(parameters.external_id);
      return answer(views.update({ id, externalId, hash: textParameter(parameters.hash) }, content));
    }
    case "views.publish": {
      const user = personById(textParameter(parameters.user_id));
      if (!user) return failed("user_not_found");
      return answer(views.publish(user.id, content, textParameter(parameters.hash)));
    }
    default:
      return undefined;
  }
}

function answer(outcome: View | ViewError): Answer {
  return typeof outcome === "string" ? failed(outcome) : jsonAnswer(200, { ok: true, view: outcome });
}
