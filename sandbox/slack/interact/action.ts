import { z } from "zod";
import type { Clock } from "../../../src/util/clock.ts";
import type { Conversations } from "../conversations.ts";
import type { Delivered, Delivery } from "../delivery/delivery.ts";
import { BOT, CHANNEL, TEAM } from "../people.ts";
import type { ResponseUrls } from "../responses.ts";
import { type FoundMessage, nextTs, type Transcript } from "../transcript.ts";
import type { View, Views } from "../views/store.ts";
import type { Triggers } from "../views/triggers.ts";
import { type Control, controlsOf, withIds } from "./ids.ts";
import { actorOf } from "./person.ts";
import { type Given, stateOf } from "./values.ts";

export const actionSchema = z.strictObject({
  /** A user's id, or the short name: viewer, developer, … */
  user: z.string(),
  /** Where the message is: a channel's id, or a person for the direct messages with the app. */
  channel: z.string().default(CHANNEL.id),
  messageTs: z.string().optional(),
  /** In place of a message: a modal, or an App Home. */
  viewId: z.string().optional(),
  actionId: z.string(),
  /** Where an action id stands in more than one block. */
  blockId: z.string().optional(),
  /** A button's value when several share an id; of menus and fields what was chosen. */
  value: z.union([z.string(), z.array(z.string()), z.null()]).optional(),
  /** That of an earlier delivery, to send the very same once more. */
  triggerId: z.string().optional(),
});
export type ActionInput = z.input<typeof actionSchema>;

export interface Interacted extends Delivered {
  readonly triggerId: string;
}

/** Why nothing was sent: what a person cannot see, that person cannot press. */
export interface NotSent {
  readonly error: string;
  readonly message: string;
  /** By block id, what Slack itself says below a modal's fields. */
  readonly errors?: Readonly<Record<string, string>>;
}

export interface InteractionParts {
  readonly delivery: Delivery;
  readonly transcript: Transcript;
  readonly conversations: Conversations;
  readonly views: Views;
  readonly triggers: Triggers;
  readonly responses: ResponseUrls;
  readonly clock: Clock;
}

type Action = z.output<typeof actionSchema>;

/** Presses buttons and uses menus: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
export class Actions {
  readonly #parts: InteractionParts;
  /** What was sent, by trigger: the newest last. */
  readonly #sent = new Map<string, object>();

  constructor(parts: InteractionParts) {
    this.#parts = parts;
  }

  async press(input: Action): Promise<Interacted | NotSent> {
    const known = input.triggerId === undefined ? undefined : this.#sent.get(input.triggerId);
    const made = known ?? (await this.#payload(input));
    if ("error" in made) return made as NotSent;
    const triggerId = String((made as { trigger_id: unknown }).trigger_id);
    this.#remember(triggerId, made);
    return { ...(await this.#parts.delivery.send("interactive", made)), triggerId };
  }

  async #payload(input: Action): Promise<object | NotSent> {
    const actor = actorOf(input.user);
    if (input.viewId !== undefined) return this.#fromView(input, actor, input.viewId);
    const channel = await this.#parts.conversations.resolve(input.channel);
    const message = await this.#parts.transcript.find(channel, input.messageTs ?? "");
    const isHidden = message?.onlyFor != null && message.onlyFor !== actor.id;
    if (!message || isHidden) {
      return { error: "message_not_found", message: `${input.user} sees no such message` };
    }
    const control = pick(controlsOf(withIds(message.blocks)), input);
    if (!control) return noControl(input);
    const { triggers, responses, conversations } = this.#parts;
    const shown = messageForm(message);
    return {
      type: "block_actions",
      ...actor.payload,
      container: {
        type: "message",
        message_ts: message.ts,
        channel_id: channel,
        is_ephemeral: message.isEphemeral,
        ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
      },
      trigger_id: triggers.create(actor.id, undefined, input.triggerId),
      channel: { id: channel, name: conversations.nameOf(channel) },
      ...(message.isEphemeral ? {} : { message: shown }),
      state: { values: statesOf(withIds(message.blocks), control, input.value) },
      response_url: responses.create(actor.id, channel, { ts: message.ts, threadTs: message.threadTs }),
      actions: [this.#action(control, input)],
    };
  }

  #fromView(input: Action, actor: ReturnType<typeof actorOf>, viewId: string): object | NotSent {
    const found = this.#parts.views.find(viewId);
    if (found?.user !== actor.id) {
      return { error: "view_not_found", message: `${input.user} has no such view open` };
    }
    const control = pick(controlsOf(found.view.blocks), input);
    if (!control) return noControl(input);
    const values = statesOf(found.view.blocks, control, input.value);
    const view: View = { ...found.view, state: { values } };
    return {
      type: "block_actions",
      ...actor.payload,
      container: { type: "view", view_id: viewId },
      trigger_id: this.#parts.triggers.create(actor.id, viewId, input.triggerId),
      view,
      actions: [this.#action(control, input)],
    };
  }

  #action({ blockId, actionId, element }: Control, { value }: Action): object {
    const action_ts = nextTs(this.#parts.clock.now());
    const common = { action_id: actionId, block_id: blockId, action_ts };
    if (element.type !== "button") {
      return { ...stateOf({ blockId, actionId, element, block: {} }, value), ...common };
    }
    const { text, value: own, style } = element;
    return {
      ...common,
      type: "button",
      text,
      ...(own === undefined ? {} : { value: own }),
      ...(style === undefined ? {} : { style }),
    };
  }

  #remember(triggerId: string, payload: object): void {
    this.#sent.set(triggerId, payload);
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > 500 && oldest !== undefined) this.#sent.delete(oldest);
  }
}

function pick(controls: readonly Control[], { actionId, blockId, value }: Action): Control | undefined {
  const fits = controls.filter(
    (control) => control.actionId === actionId && (blockId === undefined || control.blockId === blockId),
  );
  const exact = fits.find(({ element }) => element.type === "button" && element.value === value);
  return exact ?? (value === undefined || fits[0]?.element.type !== "button" ? fits[0] : undefined);
}

function noControl({ actionId, blockId }: Action): NotSent {
  const where = blockId === undefined ? "" : ` in ${blockId}`;
  return { error: "action_not_found", message: `There is no ${actionId}${where} to press any more` };
}

/** The present values of all menus and fields, the used one with its new value. Buttons have none. */
function statesOf(
  blocks: readonly Record<string, unknown>[],
  used: Control,
  value: Given,
): Record<string, Record<string, unknown>> {
  const values: Record<string, Record<string, unknown>> = {};
  for (const control of controlsOf(blocks)) {
    if (["button", "overflow", "workflow_button"].includes(String(control.element.type))) continue;
    const isUsed = control.actionId === used.actionId && control.blockId === used.blockId;
    values[control.blockId] = {
      ...values[control.blockId],
      [control.actionId]: stateOf(control, isUsed ? value : undefined),
    };
  }
  return values;
}

function messageForm({ ts, user, text, blocks, threadTs, editedTs }: FoundMessage): object {
  return {
    type: "message",
    user,
    ts,
    bot_id: BOT.bot,
    app_id: BOT.app,
    team: TEAM.id,
    text,
    blocks: withIds(blocks),
    ...(threadTs === undefined ? {} : { thread_ts: threadTs, parent_user_id: BOT.user }),
    ...(editedTs === null ? {} : { edited: { user, ts: editedTs } }),
  };
}
