import { z } from "zod";
import { requireRole } from "../../commands/lib/roles.ts";
import { bold, code, t } from "../../commands/lib/text.ts";
import { answer, type CommandServices, type Origin, type Outcome, refuse } from "../../commands/services.ts";
import type { RunView } from "../../src/engine/types.ts";
import { EXTEND_BY, RUN_ACTIONS, type RunAction } from "../../src/publish/slack-actions.ts";
import { type Addressee, sendAnswers } from "./answers.ts";
import type { InTurn, SlackCommandOptions } from "./command.ts";
import { HOME_LAUNCH } from "./home.ts";
import { askerOf, interactor } from "./person.ts";
import { originOf } from "./rows.ts";

/** https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
export const blockActions = z.object({
  type: z.literal("block_actions"),
  trigger_id: z.string().min(1).max(200),
  ...interactor,
  container: z.object({ message_ts: z.string().optional(), view_id: z.string().optional() }).optional(),
  channel: z.object({ id: z.string() }).nullish(),
  response_url: z.string().optional(),
  actions: z
    .array(z.object({ action_id: z.string(), value: z.string().optional() }))
    .min(1)
    .max(20),
});
export type BlockActions = z.infer<typeof blockActions>;

export interface ButtonOptions extends SlackCommandOptions {
  readonly services: CommandServices;
  /** How people call the bot. */
  readonly prefix: string;
  /** Opens the launch form for a slot; false: Slack did not show it. */
  openLaunchForm(triggerId: string, slot: string): Promise<boolean>;
}

/** Actions that begin a run: the same button of the same message begins one, however often it is pressed. */
const BEGINS: ReadonlySet<RunAction> = new Set(["retest", "terminate", "retry"]);
const ON_SLOT: ReadonlySet<RunAction> = new Set(["retest", "extend", "terminate"]);

/** A button is its command, typed by the person who pressed it: same words, same roles, same answers. */
export async function handleButton(
  options: ButtonOptions,
  click: BlockActions,
  circumstances: InTurn,
): Promise<void> {
  const [pressed] = click.actions;
  if (pressed?.action_id === HOME_LAUNCH && pressed.value !== undefined)
    return await launchFromHome(options, click, pressed.value, circumstances);
  const action = actionOf(pressed?.action_id);
  const runId = Number(pressed?.value);
  if (action === null || !Number.isSafeInteger(runId) || runId < 1) return;
  const asker = askerOf(click);
  const to = addresseeOf(click);
  const run = await options.services.engine.run(runId);
  const words = await wordsOf(options.services, action, runId, run);
  if ("refused" in words) return await sendAnswers(options, to, words);
  const place = click.container?.message_ts ?? click.container?.view_id ?? "home";
  const dispatched = await options.dispatch({
    written: { words },
    via: "slack",
    prefix: options.prefix,
    dedupeKey: BEGINS.has(action) ? `slack:button:${place}/${action}/${runId}` : `slack:${click.trigger_id}`,
    origin: originOfClick(click, run),
    authority: () => options.authority(asker),
    turn: circumstances.turn,
    late: circumstances.late,
    interrupted: circumstances.interrupted,
  });
  await sendAnswers(options, to, dispatched.outcome);
}

function addresseeOf({ user, channel, trigger_id, response_url }: BlockActions): Addressee {
  const key = `button:${trigger_id}`;
  return { key, channel: channel?.id ?? user.id, user: user.id, responseUrl: response_url ?? null };
}

/** The form shows every slot and who holds it: to those who may launch. Who gets none is told what to type. */
async function launchFromHome(
  options: ButtonOptions,
  click: BlockActions,
  slot: string,
  { turn }: InTurn,
): Promise<void> {
  // A form changes nothing: nobody waits until Slack has shown it.
  turn.through();
  const { prefix } = options;
  const refusal = requireRole(
    { ...(await options.authority(askerOf(click))), prefix },
    "developer",
    "launch",
  );
  if (refusal) return await sendAnswers(options, addresseeOf(click), refusal);
  if (await options.openLaunchForm(click.trigger_id, slot)) return;
  const words = t`Slack did not show the form for ${bold(slot)}, and nothing was started.`;
  const next = t`Type ${code(`${prefix} launch ${slot}`)} (${code(`${prefix} help launch`)} shows what else it takes), or press Launch again.`;
  await sendAnswers(options, addresseeOf(click), answer(t`${words} ${next}`));
}

function actionOf(actionId: string | undefined): RunAction | null {
  const found = Object.entries(RUN_ACTIONS).find(([, id]) => id === actionId);
  return found ? (found[0] as RunAction) : null;
}

/** What begins by a press in somebody's own conversation with the bot is shown where the run before it is. */
function originOfClick({ channel }: BlockActions, run: RunView | null): Origin {
  const isDirect = channel?.id.startsWith("D") ?? false;
  const shownIn = isDirect && run !== null ? originOf(run) : null;
  const place = shownIn ?? channel?.id;
  return place === undefined ? {} : { channel: place };
}

async function wordsOf(
  services: CommandServices,
  action: RunAction,
  runId: number,
  run: RunView | null,
): Promise<readonly string[] | (Outcome & { refused: true })> {
  if (run === null) return refuse("unknown_run", t`There is no run #${runId}.`);
  if (ON_SLOT.has(action) && !(await isStanding(services, run)))
    return refuse(
      "nothing_there",
      t`What run #${runId} left on ${run.target ?? "its slot"} is no longer there.`,
    );
  const slot = run.target ?? "";
  const id = String(runId);
  const words: Record<RunAction, readonly string[]> = {
    start: ["start", id],
    pass: ["leave", id],
    cancel: ["cancel", id],
    logs: ["logs", id],
    retry: ["retry", id],
    retest: ["test", slot, "--failed"],
    extend: ["extend", slot, EXTEND_BY],
    terminate: ["terminate", slot],
  };
  return words[action];
}

/** An old message's buttons must not act on what somebody else has put on the slot since. */
async function isStanding({ engine }: CommandServices, run: RunView): Promise<boolean> {
  const owed = await engine.obligations({ runId: run.id, open: true });
  return owed.some(({ due }) => due !== null);
}
