import { z } from "zod";
import { api, calls, messages, slash } from "../../../sandbox/client.ts";
import type { PersonName } from "../../../sandbox/slack/people.ts";
import type { TranscriptMessage } from "../../../sandbox/slack/transcript.ts";
import { sleep } from "../../../src/util/clock.ts";
import type { Stand } from "./stand.ts";

const PATIENCE_MS = 30_000;

const stepForm = z.object({
  path: z.string(),
  name: z.string(),
  state: z.string(),
  attempt: z.number(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
const runForm = z.looseObject({
  id: z.number(),
  kind: z.string(),
  target: z.string().nullable(),
  sha: z.string().nullable(),
  state: z.string(),
  reason: z.string().nullable(),
  startedAt: z.string().nullable(),
  steps: z.array(stepForm),
  obligations: z.array(
    z.object({ kind: z.string(), id: z.string(), state: z.string(), due: z.string().nullable() }),
  ),
  tests: z.record(z.string(), z.number()).nullable(),
});
export type RunForm = z.infer<typeof runForm>;

const slotForm = z.looseObject({
  name: z.string(),
  state: z.string(),
  holder: z.string().nullable(),
  reason: z.string().nullable(),
  since: z.string().nullable(),
  until: z.string().nullable(),
  run: z.number().nullable(),
  instanceId: z.string().nullable(),
  queue: z.array(z.looseObject({ run: z.number(), requestedBy: z.string(), position: z.number() })),
});
export type SlotForm = z.infer<typeof slotForm>;

/** What programs and people see of a bot: its API, what it says in Slack, its runs' threads. */
export async function runOf(stand: Stand, id: number): Promise<RunForm> {
  return runForm.parse(await api(stand.yard.json, `/api/runs/${id}`));
}

/** Newest first. */
export async function runsOf(stand: Stand): Promise<RunForm[]> {
  return z.object({ runs: z.array(runForm) }).parse(await api(stand.yard.json, "/api/runs?limit=500")).runs;
}

async function slotsOf(stand: Stand): Promise<SlotForm[]> {
  return z.object({ slots: z.array(slotForm) }).parse(await api(stand.yard.json, "/api/slots")).slots;
}

/** Of the slots on the board. */
export async function slotNames(stand: Stand): Promise<string[]> {
  return (await slotsOf(stand)).map(({ name }) => name);
}

export async function slotOf(stand: Stand, name: string): Promise<SlotForm> {
  const found = (await slotsOf(stand)).find((slot) => slot.name === name);
  if (!found) throw new Error(`There is no slot ${name}.`);
  return found;
}

const told = z.looseObject({
  user: z.string().optional(),
  channel: z.string().optional(),
  text: z.string().optional(),
  body: z.string().optional(),
  thread_ts: z.string().optional(),
});

/** Types a command in Slack and waits for what the bot answers: to its author alone, or to the channel. */
export async function ask(stand: Stand, text: string, user: PersonName = "developer"): Promise<string> {
  const { json } = stand.yard;
  const known = (await calls(json, "slack")).length;
  await slash(json, user, text);
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    for (const { action, parameters, status, error } of (await calls(json, "slack")).slice(known)) {
      // What Slack refuses (its limit is met) is said again, and is not to be taken for the next command's answer.
      if (status !== 200 || error !== undefined) continue;
      const said = told.parse(parameters);
      if (action === "response_url" && said.user === json.slack.users[user]) return textOf(said.body ?? "");
      const isRunMessage = said.thread_ts !== undefined || /· run #\d+ by /.test(said.text ?? "");
      if (action === "chat.postMessage" && said.channel === json.slack.channel && !isRunMessage)
        return said.text ?? "";
    }
    await sleep(50);
  }
  throw new Error(`Nobody answered “${text}” of ${user}.`);
}

function textOf(body: string): string {
  return z.looseObject({ text: z.string() }).parse(JSON.parse(body)).text;
}

/** What the bot has told one person directly. */
export async function toldTo(stand: Stand, user: PersonName): Promise<string[]> {
  const id = stand.yard.json.slack.users[user];
  return (await calls(stand.yard.json, "slack"))
    .filter(({ action }) => action === "chat.postMessage")
    .map(({ parameters }) => told.parse(parameters))
    .filter((said) => said.channel === id)
    .map((said) => said.text ?? "");
}

/** The run's message in the channel, as it is now. */
export async function messageOf(stand: Stand, id: number): Promise<TranscriptMessage | undefined> {
  const own = new RegExp(`· run #${id} by `);
  return (await messages(stand.yard.json)).find(({ text }) => own.test(text));
}

/** The run's message and the replies in its thread, as one text, once the thread tells of the run's end. */
export async function threadOf(stand: Stand, id: number): Promise<string> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await messageOf(stand, id);
    const text = found ? [found, ...found.thread].map((one: TranscriptMessage) => one.text).join("\n") : "";
    if (new RegExp(`Run #${id} (succeeded|failed|cancelled)`).test(text)) return text;
    if (Date.now() > until) throw new Error(`The thread of run ${id} does not tell of its end:\n${text}`);
    await sleep(100);
  }
}

/** Waits until something is so. @throws Error with what it last was */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (Date.now() > until) throw new Error(`Not ${what} in time: ${JSON.stringify(seen)}`);
    await sleep(50);
  }
}

/** Waits until no run is queued or under way. */
export async function allEnded(stand: Stand, withinMs = PATIENCE_MS): Promise<void> {
  const ends = ["succeeded", "failed", "cancelled"];
  await eventually(
    "all runs ended",
    () => runsOf(stand),
    (runs) => runs.every(({ state }) => ends.includes(state)),
    withinMs,
  );
}

export async function untilSlot(stand: Stand, name: string, state: string, withinMs = PATIENCE_MS) {
  return await eventually(
    `${name} ${state}`,
    () => slotOf(stand, name),
    (slot) => slot.state === state,
    withinMs,
  );
}

/** The instance that stands on a slot. */
export async function instanceOn(stand: Stand, slot: string): Promise<string> {
  const { instanceId } = await slotOf(stand, slot);
  if (instanceId === null) throw new Error(`Nothing stands on ${slot}.`);
  return instanceId;
}

/** Makes one machine misbehave. */
export async function upset(stand: Stand, id: string, settings: object): Promise<void> {
  await stand.control("instance", { id, settings });
}

/** How machines that start from now on behave. */
export async function machines(stand: Stand, settings: object): Promise<void> {
  await stand.control("config", { machines: settings });
}
