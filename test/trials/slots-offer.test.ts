import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { inSlack, messages } from "../../sandbox/client.ts";
import type { PersonName } from "../../sandbox/slack/people.ts";
import type { TranscriptMessage } from "../../sandbox/slack/transcript.ts";
import { sleep } from "../../src/util/clock.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { Gate } from "./support/gate.ts";
import {
  allEnded,
  ask,
  eventually,
  messageOf,
  runOf,
  runsOf,
  slotOf,
  toldTo,
  untilSlot,
} from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/**
 * Somebody asked for a slot long ago, and it comes free: they are asked, by direct message, and the slot is reserved
 * for them meanwhile. Here "long ago" is a second.
 */
const OFFER_AFTER_MS = 1_000;
const OFFER_FOR_MS = 30_000;
const LAUNCH = "launch stg1 --tests none";
const gate = new Gate();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      serviceUpdate: gate.serviceUpdate(),
      queue: { offerAfter: `${OFFER_AFTER_MS}ms`, offerFor: `${OFFER_FOR_MS}ms` },
    }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  gate.remove();
}, 60_000);
afterEach(async () => {
  gate.open();
  await allEnded(stand, 4 * OFFER_FOR_MS);
}, 150_000);

/** A run at work on stg1, and one of each of these behind it, which have waited long; then the first one ends. */
async function waited(...people: readonly PersonName[]): Promise<number[]> {
  gate.shut();
  const first = await stand.begin(LAUNCH);
  await stand.untilStep(first.id, /Gate$/);
  for (const person of people) await ask(stand, LAUNCH, person);
  await sleep(OFFER_AFTER_MS);
  gate.open();
  await stand.ended(first.id);
  return people.map((_, index) => first.id + 1 + index);
}

/** What the bot has said to somebody alone about their turn on this run, and its buttons. */
async function asked(person: PersonName, id: number): Promise<TranscriptMessage> {
  const own = await eventually(
    `${person} asked about run ${id}`,
    async () => (await messages(stand.yard.json, person)).find((one) => isAbout(one, id)),
    (found) => found !== undefined,
  );
  if (!own) throw new Error("unreachable");
  return own;
}

function isAbout({ text }: TranscriptMessage, id: number): boolean {
  return text.includes("It is your turn") && text.includes(`run #${id}>`);
}

async function press(
  person: PersonName,
  { ts: messageTs }: TranscriptMessage,
  actionId: string,
  triggerId?: string,
) {
  const again = triggerId === undefined ? {} : { triggerId };
  return await inSlack(stand.yard.json, "action", {
    user: person,
    channel: person,
    messageTs,
    actionId,
    ...again,
  });
}

async function untilRun(id: number, state: string): Promise<void> {
  await eventually(
    `run ${id} ${state}`,
    () => runOf(stand, id),
    (run) => run.state === state,
  );
}

describe("somebody who asked long ago", () => {
  it("is asked, and their run begins when they press Start now, once", async () => {
    const [id = 0] = await waited("developer2");
    const question = await asked("developer2", id);
    const slot = await slotOf(stand, "stg1");
    expect(slot).toMatchObject({ state: "held", holder: "slack:U0DEVELOPER2", run: id, instanceId: null });
    expect(slot.queue).toMatchObject([{ run: id, position: 1 }]);
    expect(question.text).toContain(String(Math.floor(Date.parse(slot.until ?? "") / 1000)));
    expect(await ask(stand, "status stg1", "viewer")).toContain(`run #${id}`);
    await eventually(
      "said in the channel too",
      async () => (await messageOf(stand, id))?.text ?? "",
      (text) => text.includes("Its turn has come: *stg1* is reserved for it until"),
    );
    // Nobody else can take it, and it does not begin by itself.
    expect(await ask(stand, `start ${id}`, "developer")).toContain("not_holder");
    expect(await ask(stand, "lock stg1", "developer")).toContain("slot_offered");
    expect(await runOf(stand, id)).toMatchObject({ state: "queued", startedAt: null });

    const { triggerId } = await press("developer2", question, "run_start");
    for (let again = 0; again < 3; again++)
      await press("developer2", question, "run_start", String(triggerId));
    await untilRun(id, "running");
    await press("developer2", question, "run_start");
    await press("developer2", question, "run_pass");
    expect((await stand.ended(id)).state).toBe("succeeded");
    expect((await runsOf(stand)).filter((run) => run.id >= id)).toHaveLength(1);
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 120_000);

  it("and says nothing loses the turn at its time, over a SIGKILL; the next one is asked, passes, and so on", async () => {
    const [first = 0, second = 0, third = 0] = await waited("developer2", "maintainer", "developer");
    const question = await asked("developer2", first);
    const { until } = await slotOf(stand, "stg1");
    await stand.trial.kill();
    await stand.trial.start();
    // The time goes on; the restart has not begun it anew.
    expect(await slotOf(stand, "stg1")).toMatchObject({ state: "held", run: first, until });

    await eventually(
      "over",
      () => runOf(stand, first),
      ({ state }) => state === "cancelled",
      2 * OFFER_FOR_MS,
    );
    const over = await runOf(stand, first);
    expect(over).toMatchObject({ startedAt: null, steps: [] });
    expect(over.reason).toMatch(/^stg1 was offered to .* until .* and nobody answered\.$/);
    expect(Date.parse(String(over.endedAt))).toBeGreaterThanOrEqual(Date.parse(until ?? ""));
    await eventually(
      "told what became of it",
      () => toldTo(stand, "developer2"),
      (said) => said.some((text) => text.includes("nobody answered") && text.includes(`/stg retry ${first}`)),
    );
    // The old question's button answers, and begins nothing.
    await press("developer2", question, "run_start");

    await press("maintainer", await asked("maintainer", second), "run_pass");
    await untilRun(second, "cancelled");
    await asked("developer", third);
    expect(await ask(stand, "start stg1", "developer")).toContain("has started");
    expect((await stand.ended(third)).state).toBe("succeeded");
    expect(
      (await toldTo(stand, "developer2")).filter((text) => text.includes(`run #${first}>`)),
    ).toHaveLength(2);
    const begun = (await runsOf(stand)).filter((run) => run.id >= first && run.startedAt !== null);
    expect(begun.map((run) => run.id)).toEqual([third]);
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 180_000);

  it("has their run begun by itself by a bot that asks nobody: the control", async () => {
    await stand.renew([
      {
        file: "src/bot/hand-off.ts",
        find: "return canAnswer ? queue.offerFor : null;",
        replace: "return null;",
      },
    ]);
    // The new bot's runs have the numbers of the old one's.
    const before = (await toldTo(stand, "developer2")).length;
    const [id = 0] = await waited("developer2");
    expect((await stand.ended(id)).state).toBe("succeeded");
    expect((await toldTo(stand, "developer2")).slice(before).join()).not.toContain("reserved");
    await stand.renew();
  }, 120_000);
});
