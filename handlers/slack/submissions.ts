import type { webApi } from "@slack/bolt";
import type { ModalView } from "@slack/types";
import type { Logger } from "pino";
import { z } from "zod";
import type { Role } from "../../src/config/index.ts";
import type { SlackAsker } from "../roles.ts";
import type { Turn } from "../turnstile.ts";
import { sendAnswers } from "./answers.ts";
import type { ButtonOptions } from "./buttons.ts";
import type { InTurn, SlashCommand } from "./command.ts";
import {
  channelOfForm,
  type FormKind,
  formFor,
  formView,
  type ViewSubmission,
  wordsOfForm,
} from "./forms.ts";
import type { Home } from "./home.ts";
import { askerOf } from "./person.ts";

/** A form that was sent is its command, typed by the person who sent it. */
export async function handleSubmission(
  options: ButtonOptions,
  submission: ViewSubmission,
  circumstances: InTurn,
): Promise<void> {
  const words = wordsOfForm(submission);
  if (words === null) return;
  const asker = askerOf(submission);
  const channel = channelOfForm(submission);
  const key = `view:${submission.view.id}`;
  const dispatched = await options.dispatch({
    written: { words },
    via: "slack",
    prefix: options.prefix,
    dedupeKey: `slack:${key}`,
    origin: channel === null ? {} : { channel },
    authority: () => options.authority(asker),
    turn: circumstances.turn,
    late: circumstances.late,
    interrupted: circumstances.interrupted,
  });
  const to = { key, channel: channel ?? asker.userId, user: asker.userId, responseUrl: null };
  await sendAnswers(options, to, dispatched.outcome);
}

/** Shows a form; false, and a word in the log: Slack did not, as it does not later than three seconds. */
export type ShowForm = (triggerId: string, view: ModalView) => Promise<boolean>;

export function showFormsWith(client: webApi.WebClient, log: Logger): ShowForm {
  return async (triggerId, view) => {
    try {
      await client.views.open({ trigger_id: triggerId, view });
      return true;
    } catch (error) {
      log.warn({ err: error, form: view.callback_id }, "Slack did not show a form");
      return false;
    }
  };
}

/**
 * Opens the form that a command asks for. False when it asks for none, or Slack could not show it: the words are
 * carried out as they stand.
 */
export async function openFormFor(
  options: Pick<ButtonOptions, "services" | "authority">,
  show: ShowForm,
  command: SlashCommand,
  asker: SlackAsker,
  turn: Turn,
): Promise<boolean> {
  const kind = await formFor(command.text, options.services);
  if (kind === null) return false;
  // A form changes nothing: nobody waits until Slack has shown it.
  turn.through();
  const { roles } = await options.authority(asker);
  if (!roles.has(ROLE_OF_FORM[kind])) return false;
  const place = { channel: command.channel_id, slot: null };
  return await show(command.trigger_id, await formView(kind, options.services, place));
}

const ROLE_OF_FORM: Readonly<Record<FormKind, Role>> = { launch: "developer", lock: "developer" };

const homeOpened = z.object({
  team_id: z.string().default(""),
  event: z.object({
    type: z.literal("app_home_opened"),
    user: z.string().min(1),
    tab: z.string().default("home"),
  }),
});

/** Shows the board to somebody who has opened the bot's App Home. */
export async function handleHomeOpened(
  options: Pick<ButtonOptions, "authority">,
  home: Home,
  body: unknown,
): Promise<void> {
  const { team_id: teamId, event } = homeOpened.parse(body);
  if (event.tab !== "home") return;
  const { roles } = await options.authority({ userId: event.user, teamId, userName: event.user });
  await home.opened(event.user, roles.has("viewer"));
}
