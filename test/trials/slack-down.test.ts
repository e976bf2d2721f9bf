import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signedHeaders } from "../../sandbox/slack/signature.ts";
import type { Patch } from "../crash/support/versions.ts";
import { overLimit } from "../support/publishing.ts";
import { Door } from "./support/door.ts";
import { ask, eventually } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";
import { marks, shownSince, slackCalls, told, twice, workedMs } from "./support/told.ts";

/**
 * That no step waits for Slack is shown by cause, not by the clock: every answer is held back, to a bot that would wait
 * for it as long as it takes. A run that ends nevertheless has waited for none of them, on however slow a machine.
 */
const LAUNCH = "launch stg1 --tests none";
const RUNS = 3;
const WAITS_FOR_EVER: Patch = {
  file: "handlers/slack/client.ts",
  find: "timeout: 10_000",
  replace: "timeout: 3_600_000",
};
/** Says something in Slack and goes on when that is done, as a careless step would. */
const TELLS_FIRST: Patch = {
  file: "src/pipelines/steps/instance.ts",
  find: "(await region.ec2.describeImage(ami, watched(step)))",
  replace:
    "(await fetch(process.env.SLACK_API_URL + 'chat.postMessage', { method: 'POST' }), await region.ec2.describeImage(ami, watched(step)))",
};
let stand: Stand;
let door: Door;
let commands = 0;

beforeAll(async () => {
  stand = await Stand.open();
  door = await Door.before(stand.yard.json.slack.api);
}, 120_000);
afterAll(async () => {
  await stand.close();
  await door.remove();
}, 60_000);

async function renew(...patches: readonly Patch[]): Promise<void> {
  await stand.renew(patches, { SLACK_API_URL: door.url });
  // From here on the bot knows who asks, and asks Slack no more.
  await ask(stand, "queue");
}

/** A command as Slack sends it, by a way of its own and without an address for the answer: all else is behind the door. */
async function say(text: string): Promise<void> {
  const { bot, slack } = stand.yard.json;
  commands += 1;
  const body = new URLSearchParams({
    command: "/stg",
    text,
    trigger_id: `door.${Date.now()}.${commands}`,
    team_id: slack.team,
    channel_id: slack.channel,
    user_id: slack.user,
    user_name: "developer",
  }).toString();
  const headers = signedHeaders(slack.signingSecret, body, Date.now());
  const answer = await fetch(`${bot}/slack/events`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
}

async function launch(): Promise<number> {
  const known = stand.trial.journal.runs().length;
  await say(LAUNCH);
  const runs = () => stand.trial.journal.runs();
  return (await eventually("begun", runs, (all) => all.length > known)).at(-1)?.id ?? 0;
}

/** Runs, one after the other; how long they worked, in ms. */
async function launches(): Promise<{ ids: number[]; took: number[] }> {
  const ids: number[] = [];
  for (let count = 0; count < RUNS; count += 1) {
    const id = await launch();
    expect((await stand.ended(id)).outcome.state).toBe("succeeded");
    ids.push(id);
  }
  return { ids, took: ids.map((id) => workedMs(stand, id)) };
}

/** All is there once, as it ended, and within Slack's limits. */
async function expectTold(ids: readonly number[]): Promise<void> {
  for (const id of ids) expect((await told(stand, id)).join("\n")).toContain(`Run #${id} succeeded`);
  expect(twice(await marks(stand))).toEqual([]);
  expect(overLimit(await slackCalls(stand))).toEqual([]);
}

describe("no step waits for Slack", { timeout: 600_000 }, () => {
  let healthy: number[] = [];

  it("which holds every answer back: runs end without a single one, and are told afterwards", async () => {
    await renew(WAITS_FOR_EVER);
    healthy = (await launches()).took;
    for (const { id } of stand.trial.journal.runs()) await told(stand, id);
    door.hold();
    const before = (await slackCalls(stand)).length;
    const { ids, took } = await launches();
    expect(door.waiting).toBeGreaterThan(0);
    expect((await slackCalls(stand)).slice(before)).toEqual([]);
    await door.open();
    console.log(`Runs took ${took.join(", ")} ms, with Slack well ${healthy.join(", ")} ms`);
    await expectTold(ids);
  });

  it("control: a step that waits is seen, since its run goes on when Slack does and no sooner", async () => {
    await renew(WAITS_FOR_EVER, TELLS_FIRST);
    door.hold();
    const id = await launch();
    await stand.untilStep(id, /Read the image/);
    const until = Date.now() + 2 * Math.max(...healthy);
    await eventually("twice as long as a run takes", Date.now, (now) => now > until, 120_000);
    expect(stand.trial.journal.run(id)?.ended_at).toBeNull();
    expect(stand.trial.journal.steps(id)).toContainEqual(
      expect.objectContaining({ path: expect.stringMatching(/Read the image/), state: "running" }),
    );
    await door.open();
    expect((await stand.ended(id)).outcome.state).toBe("succeeded");
    expect(workedMs(stand, id)).toBeGreaterThan(2 * Math.max(...healthy));
  });

  it("which refuses every connection, also to a bot that starts: runs end, and are told when it is back", async () => {
    await renew();
    const before = (await slackCalls(stand)).length;
    await door.shut();
    await expect(fetch(door.url)).rejects.toThrow();
    const { ids, took } = await launches();
    await stand.trial.kill();
    await stand.trial.start({ env: { SLACK_API_URL: door.url } });
    expect((await slackCalls(stand)).slice(before)).toEqual([]);
    console.log(`Runs took ${took.join(", ")} ms, with Slack well ${healthy.join(", ")} ms`);
    await door.open();
    await expectTold(ids);
    // What was passed meanwhile is never sent.
    const shown = await shownSince(stand, before, ids);
    expect(shown.filter((text) => !text.includes("\nsucceeded · "))).toEqual([]);
  });
});
