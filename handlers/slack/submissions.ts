import { z } from "zod";
import type { Role } from "../../src/config/index.ts";
import type { SlackAsker } from "../roles.ts";
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

/** Shows a form; Slack takes a trigger for three seconds. */
export type ShowForm = (triggerId: string, view: Awaited<ReturnType<typeof formView>>) => Promise<void>;

/** Opens the form that a command asks for. False when it asks for none, or Slack could not show it. */
export async function openFormFor(
  options: Pick<ButtonOptions, "services" | "authority">,
  show: ShowForm,
  command: SlashCommand,
  asker: SlackAsker,
): Promise<boolean> {
  const kind = await formFor(command.text, options.services);
  if (kind === null) return false;
  const { roles } = await options.authority(asker);
  if (!roles.has(ROLE_OF_FORM[kind])) return false;
  try {
    const place = { channel: command.channel_id, slot: null };
    await show(command.trigger_id, await formView(kind, options.services, place));
    return true;
  } catch {
    // Too late for a form, or Slack is away: the words are carried out as they stand.
    return false;
  }
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
