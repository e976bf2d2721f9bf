import type { ModalView, PlainTextOption } from "@slack/types";
import { z } from "zod";
import { leasesOf } from "../../commands/lib/leases.ts";
import { slotState } from "../../commands/lib/slots.ts";
import type { CommandServices } from "../../commands/services.ts";
import { type Config, formatDuration, parseDuration } from "../../src/config/index.ts";
import { interactor } from "./person.ts";

/** Forms for those who would rather not type options. A form becomes the command that one would have typed. */
export const FORMS = { launch: "slipway_launch", lock: "slipway_lock" } as const;
export type FormKind = keyof typeof FORMS;

const FIRST_FREE = "first-free";
const KEEP_FOR = ["1h", "2h", "4h", "8h", "24h"] as const;
const LOCK_FOR = ["30m", "1h", "2h", "4h", "8h", "24h"] as const;
/** https://docs.slack.dev/reference/block-kit/composition-objects/option-object */
const LONGEST_OPTION = 75;
const MOST_OPTIONS = 100;

/**
 * The form that a command typed in Slack asks for by what it leaves out: `launch` alone while every slot is taken,
 * `lock` alone. Null: the command says enough.
 */
export async function formFor(text: string, services: CommandServices): Promise<FormKind | null> {
  const word = text.trim().toLowerCase();
  if (word === "lock") return "lock";
  if (word !== "launch") return null;
  const slots = Object.keys(services.config().config.slots);
  const leases = await leasesOf(services.engine, slots);
  return leases.length > 0 && leases.every((lease) => slotState(lease) !== "free") ? "launch" : null;
}

/** The form as Slack shows it; `channel` is where its answer goes. */
export async function formView(
  kind: FormKind,
  services: CommandServices,
  { channel, slot }: { channel: string | null; slot: string | null },
): Promise<ModalView> {
  const slots = await slotOptions(services);
  const isLaunch = kind === "launch";
  const places = isLaunch ? [option("The first free one", FIRST_FREE), ...slots] : slots;
  const initial = places.find(({ value }) => value === slot) ?? places[0];
  const common = {
    type: "modal" as const,
    callback_id: FORMS[kind],
    private_metadata: JSON.stringify({ channel }),
    close: plain("Leave it"),
  };
  const where = select("slot", isLaunch ? "Slot" : "Slot to hold", places, { initial });
  const reason = input("reason", "Why, for those who wait", { hint: "Others see it beside the slot." });
  if (!isLaunch) {
    const time = select("for", "For how long", options(LOCK_FOR), { optional: true });
    return {
      ...common,
      title: plain("Hold a slot"),
      submit: plain("Hold it"),
      blocks: [where, time, reason],
    };
  }
  const browsers = services.config().config.tests?.browsers ?? [];
  const tests = [option("All browsers", "all"), option("None", "none"), ...options(browsers)];
  return {
    ...common,
    title: plain("Launch"),
    submit: plain("Launch"),
    blocks: [
      where,
      input("what", "Branch, tag, commit or #pull request", {
        hint: "The head of the default branch when left empty.",
      }),
      ...(browsers.length === 0 ? [] : [select("tests", "Tests", tests, { initial: tests[0] })]),
      select("keep", "Keep it afterwards for", keepOptions(services.config().config), { optional: true }),
      reason,
    ],
  };
}

/** https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload */
export const viewSubmission = z.object({
  type: z.literal("view_submission"),
  ...interactor,
  view: z.object({
    id: z.string().min(1),
    callback_id: z.string(),
    private_metadata: z.string().default(""),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), z.unknown())) }),
  }),
});
export type ViewSubmission = z.infer<typeof viewSubmission>;

/** Where and for how long, as a form says it; null: it does not. */
export function fieldsOfForm({ view }: ViewSubmission): { slot: string | null; keep: string | null } {
  const said = (name: string) => givenIn(view.state.values[name]?.[name]);
  const slot = said("slot");
  return { slot: slot === FIRST_FREE ? null : slot, keep: said("keep") };
}

/** The words of the command that a form stands for; null for a form of another app's or version's. */
export function wordsOfForm(submission: ViewSubmission): readonly string[] | null {
  const { view } = submission;
  const said = (name: string) => givenIn(view.state.values[name]?.[name]);
  const { slot, keep } = fieldsOfForm(submission);
  const given = (name: string, value: string | null) => (value === null ? [] : [`--${name}=${value}`]);
  if (view.callback_id === FORMS.lock)
    return [
      "lock",
      ...(slot === null ? [] : [slot]),
      ...given("for", said("for")),
      ...given("reason", said("reason")),
    ];
  if (view.callback_id !== FORMS.launch) return null;
  return [
    "launch",
    ...(slot === null ? [] : [slot]),
    ...commitWords(said("what")),
    ...given("tests", said("tests")),
    ...given("keep", keep),
    ...given("reason", said("reason")),
  ];
}

/** Where the form's answer goes; null: to the person directly. */
export function channelOfForm({ view }: ViewSubmission): string | null {
  try {
    return z.object({ channel: z.string().nullable() }).parse(JSON.parse(view.private_metadata)).channel;
  } catch {
    return null;
  }
}

function commitWords(what: string | null): readonly string[] {
  if (what === null) return [];
  if (/^#?\d{1,7}$/.test(what)) return [`--pr=${what.replace("#", "")}`];
  return /^[0-9a-f]{7,40}$/i.test(what) ? [`--sha=${what}`] : [`--ref=${what}`];
}

const chosen = z.object({ selected_option: z.object({ value: z.string() }).nullable() });
const typed = z.object({ value: z.string().nullable() });

function givenIn(state: unknown): string | null {
  const text = chosen.safeParse(state).data?.selected_option?.value ?? typed.safeParse(state).data?.value;
  const trimmed = text?.trim() ?? "";
  return trimmed === "" ? null : trimmed;
}

async function slotOptions(services: CommandServices): Promise<PlainTextOption[]> {
  const slots = Object.keys(services.config().config.slots).slice(0, MOST_OPTIONS - 1);
  const leases = await leasesOf(services.engine, slots);
  return leases.map((lease) => {
    const state = slotState(lease);
    const holder = state === "free" || lease.holder === null ? "" : `, ${lease.holder.name}`;
    return option(`${lease.resource} (${state}${holder})`, lease.resource);
  });
}

/** What a slot would refuse is not offered, or says where: a form that was sent and is refused is lost. */
function keepOptions({ slots }: Config): PlainTextOption[] {
  const limits = Object.entries(slots).map(([name, { maxTtl }]) => ({ name, maxTtl }));
  const longest = Math.max(0, ...limits.map(({ maxTtl }) => maxTtl));
  const allowed = KEEP_FOR.filter((time) => (parseDuration(time) ?? 0) <= longest);
  if (allowed.length === 0) return options([formatDuration(longest)]);
  return allowed.map((time) => {
    const tooShort = limits.filter(({ maxTtl }) => maxTtl < (parseDuration(time) ?? 0));
    const but = tooShort.length === 0 ? "" : ` (not on ${tooShort.map(({ name }) => name).join(", ")})`;
    return option(`${time}${but}`, time);
  });
}

function options(values: readonly string[]): PlainTextOption[] {
  return values.map((value) => option(value, value));
}

function option(text: string, value: string): PlainTextOption {
  return { text: plain(text.slice(0, LONGEST_OPTION)), value };
}

function plain(text: string) {
  return { type: "plain_text" as const, text, emoji: false };
}

function select(
  name: string,
  label: string,
  places: readonly PlainTextOption[],
  more: { initial?: PlainTextOption | undefined; optional?: true },
) {
  return {
    type: "input" as const,
    block_id: name,
    label: plain(label),
    optional: more.optional ?? false,
    element: {
      type: "static_select" as const,
      action_id: name,
      options: [...places],
      ...(more.initial !== undefined && { initial_option: more.initial }),
    },
  };
}

function input(name: string, label: string, { hint }: { hint: string }) {
  return {
    type: "input" as const,
    block_id: name,
    label: plain(label),
    hint: plain(hint),
    optional: true,
    element: { type: "plain_text_input" as const, action_id: name, max_length: 200 },
  };
}
