import { webApi } from "@slack/bolt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calls, faults } from "../../sandbox/client.ts";
import type { Call } from "../../sandbox/front/calls.ts";
import type { RunRow } from "../crash/support/journal.ts";
import { changed } from "../crash/support/versions.ts";
import { overLimit } from "../support/publishing.ts";
import { ask, eventually, messageOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/**
 * A real bot while Slack is in trouble: no step waits for it, and as soon as it is well again everything is there,
 * once, as it is then. Slack's own limits hold throughout.
 */
const METHODS = ["chat.*", "files.*", "conversations.*"];
const LAUNCH = "launch stg1 --tests none";
const RUNS = 3;
/** What a busy machine adds to a run of some seconds. One that waited would take ten more for each call that hangs. */
const MARGIN_MS = 1_000;
const BLIND = {
  file: "handlers/slack/messages.ts",
  find: "if (ours?.ts !== undefined) return ours.ts;",
  replace: "",
};
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
  // From here on the bot knows who asks, and asks Slack no more.
  await ask(stand, "queue");
}, 120_000);
afterAll(async () => {
  await stand.close();
}, 60_000);

async function trouble(fault: object | null): Promise<void> {
  const list = fault === null ? [] : METHODS.map((action) => ({ action, ...fault }));
  await faults(stand.yard.json, list, "slack");
}

/** How long the run worked by its own journal, in ms: from its first step's beginning to its last one's end. */
async function launchTimed(): Promise<{ run: RunRow; ms: number }> {
  const run = await stand.begin(LAUNCH);
  const ended = await stand.ended(run.id);
  expect(ended.outcome.state).toBe("succeeded");
  const steps = stand.trial.journal.steps(run.id);
  const from = Math.min(...steps.map((step) => step.started_at ?? Number.POSITIVE_INFINITY));
  return { run, ms: Math.max(...steps.map((step) => step.ended_at ?? 0)) - from };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function launches(): Promise<{ ids: number[]; typical: number }> {
  const all: { run: RunRow; ms: number }[] = [];
  for (let count = 0; count < RUNS; count += 1) all.push(await launchTimed());
  return { ids: all.map(({ run }) => run.id), typical: median(all.map(({ ms }) => ms)) };
}

/** What the bot's messages are known by: `message` and `stage:…` of each run, and the outbox's own. */
async function marks(): Promise<string[]> {
  const { api, botToken, channel } = stand.yard.json.slack;
  const client = new webApi.WebClient(botToken, { slackApiUrl: api });
  const { messages } = await client.conversations.history({
    channel,
    limit: 200,
    include_all_metadata: true,
  });
  const all = [...(messages ?? [])];
  for (const { ts, reply_count: count } of messages ?? []) {
    if (ts === undefined || !count) continue;
    const thread = await client.conversations.replies({ channel, ts, include_all_metadata: true });
    all.push(...(thread.messages ?? []).filter((reply) => reply.ts !== ts));
  }
  return all.flatMap(({ metadata }) => {
    const payload = metadata?.event_payload as { of?: string; keys?: string } | undefined;
    return (payload?.keys ?? "").split("\n").flatMap((key) => (key === "" ? [] : [`${payload?.of} ${key}`]));
  });
}

function twice(all: readonly string[]): string[] {
  return all.filter((one, index) => all.indexOf(one) !== index);
}

/** The run's message and thread once they are complete. */
async function told(id: number) {
  const found = await eventually(
    `run ${id} told`,
    () => messageOf(stand, id),
    (message) =>
      message?.thread.at(-1)?.files.length === 1 && / succeeded · |\nsucceeded · /.test(message.text),
    120_000,
  );
  return (found?.thread ?? []).map(({ text }) => text);
}

async function slackCalls(): Promise<readonly Call[]> {
  return await calls(stand.yard.json, "slack");
}

describe("while Slack", { timeout: 600_000 }, () => {
  let healthy = 0;

  it("is well, a run takes so long and is told in order", async () => {
    const { ids, typical } = await launches();
    healthy = typical;
    for (const id of ids) {
      const thread = await told(id);
      expect(thread.join("\n")).toMatch(
        /^✓ The instance runs[\s\S]*✓ The services are updated[\s\S]*✓ The instance is behind[\s\S]*Run #\d+ succeeded[\s\S]*Where the time went:$/,
      );
    }
    expect(twice(await marks())).toEqual([]);
    expect(overLimit(await slackCalls())).toEqual([]);
  });

  it.each([
    ["asks to wait at every second call", { mode: "throttle", every: 2, retryAfter: 1 }],
    ["answers with 500", { mode: "error-before", rate: 1, code: "500" }],
    ["answers with 500 after it has done what it was asked", { mode: "error-after", rate: 1, code: "500" }],
    ["hangs", { mode: "hang-before", rate: 1 }],
    ["is down", { mode: "error-before", rate: 1, code: "service_unavailable" }],
  ])("%s, no step waits, and afterwards all is there once", async (_, fault) => {
    await trouble(fault);
    const { ids, typical } = await launches();
    console.log(`A run took ${typical} ms, with Slack well ${healthy} ms`);
    expect(typical).toBeLessThan(2 * healthy + MARGIN_MS);
    const before = (await slackCalls()).length;
    await trouble(null);
    for (const id of ids) expect((await told(id)).join("\n")).toContain(`Run #${id} succeeded`);
    expect(twice(await marks())).toEqual([]);
    const all = await slackCalls();
    expect(overLimit(all)).toEqual([]);
    // Only the state that it ended in is shown: what was passed meanwhile is never sent.
    const shown = all
      .slice(before)
      .filter(({ action, status, error }) => action.startsWith("chat.") && status === 200 && !error)
      .map(({ parameters }) => String(parameters.text))
      .filter((text) => ids.some((id) => text.includes(`· run #${id} by`)));
    expect(shown.filter((text) => !text.includes("\nsucceeded · "))).toEqual([]);
  });
});

describe("a bot killed after Slack has posted and before it heard so", { timeout: 300_000 }, () => {
  async function killedWithoutAnswer(): Promise<RunRow> {
    // The answer to the command and the run's message, whichever comes first.
    await faults(stand.yard.json, [{ action: "chat.postMessage", mode: "hang-after", times: 2 }], "slack");
    const from = (await slackCalls()).length;
    const run = await stand.begin(LAUNCH);
    await eventually(
      "two posts without an answer",
      async () => (await slackCalls()).slice(from).filter(({ status }) => status === null).length,
      (lost) => lost === 2,
    );
    await stand.trial.kill();
    return run;
  }

  it("finds its messages again and posts none twice", async () => {
    const run = await killedWithoutAnswer();
    await stand.trial.start();
    await stand.ended(run.id);
    await told(run.id);
    expect(twice(await marks())).toEqual([]);
    await untilSlot(stand, "stg1", "free");
  });

  it("control: one that does not look posts them twice", async () => {
    await stand.renew([BLIND]);
    await ask(stand, "queue");
    const run = await killedWithoutAnswer();
    await stand.trial.start(changed(BLIND));
    await stand.ended(run.id);
    await eventually(
      "posted twice",
      marks,
      (all) => twice(all).some((mark) => mark.endsWith(" message")),
      60_000,
    );
  });
});
