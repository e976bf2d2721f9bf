import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faults } from "../../sandbox/client.ts";
import type { RunRow } from "../crash/support/journal.ts";
import { changed } from "../crash/support/versions.ts";
import { overLimit } from "../support/publishing.ts";
import { ask, eventually, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";
import { marks, shownSince, slackCalls, told, twice, workedMs } from "./support/told.ts";

/**
 * A real bot while Slack is in trouble: runs end while it lasts, and as soon as Slack is well again everything is there,
 * once, as it is then. Slack's own limits hold throughout. That no step waits at all is shown in slack-down.test.ts.
 */
const METHODS = ["chat.*", "files.*", "conversations.*"];
const LAUNCH = "launch stg1 --tests none";
const RUNS = 3;
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Some runs one after the other, ended while the trouble lasts; how long they worked, in ms. */
async function launches(): Promise<{ ids: number[]; typical: number }> {
  const ids: number[] = [];
  for (let count = 0; count < RUNS; count += 1) {
    const { id } = await stand.begin(LAUNCH);
    expect((await stand.ended(id)).outcome.state).toBe("succeeded");
    ids.push(id);
  }
  return { ids, typical: median(ids.map((id) => workedMs(stand, id))) };
}

describe("while Slack", { timeout: 600_000 }, () => {
  let healthy = 0;

  it("is well, a run takes so long and is told in order", async () => {
    const { ids, typical } = await launches();
    healthy = typical;
    for (const id of ids) {
      const thread = await told(stand, id);
      expect(thread.join("\n")).toMatch(
        /^✓ The instance runs[\s\S]*✓ The services are updated[\s\S]*✓ The instance is behind[\s\S]*Run #\d+ succeeded[\s\S]*Where the time went:$/,
      );
    }
    expect(twice(await marks(stand))).toEqual([]);
    expect(overLimit(await slackCalls(stand))).toEqual([]);
  });

  it.each([
    ["asks to wait at every second call", { mode: "throttle", every: 2, retryAfter: 1 }],
    ["answers with 500", { mode: "error-before", rate: 1, code: "500" }],
    ["answers with 500 after it has done what it was asked", { mode: "error-after", rate: 1, code: "500" }],
    ["hangs", { mode: "hang-before", rate: 1 }],
    ["refuses every call", { mode: "error-before", rate: 1, code: "service_unavailable" }],
  ])("%s, runs end, and afterwards all is there once", async (_, fault) => {
    await trouble(fault);
    const { ids, typical } = await launches();
    console.log(`A run took ${typical} ms, with Slack well ${healthy} ms`);
    const before = (await slackCalls(stand)).length;
    await trouble(null);
    for (const id of ids) expect((await told(stand, id)).join("\n")).toContain(`Run #${id} succeeded`);
    expect(twice(await marks(stand))).toEqual([]);
    expect(overLimit(await slackCalls(stand))).toEqual([]);
    // Only the state that it ended in is shown: what was passed meanwhile is never sent.
    expect((await shownSince(stand, before, ids)).filter((text) => !text.includes("\nsucceeded · "))).toEqual(
      [],
    );
  });
});

describe("a bot killed after Slack has posted and before it heard so", { timeout: 300_000 }, () => {
  async function killedWithoutAnswer(): Promise<RunRow> {
    // The answer to the command and the run's message, whichever comes first.
    await faults(stand.yard.json, [{ action: "chat.postMessage", mode: "hang-after", times: 2 }], "slack");
    const from = (await slackCalls(stand)).length;
    const run = await stand.begin(LAUNCH);
    await eventually(
      "two posts without an answer",
      async () => (await slackCalls(stand)).slice(from).filter(({ status }) => status === null).length,
      (lost) => lost === 2,
    );
    await stand.trial.kill();
    return run;
  }

  it("finds its messages again and posts none twice", async () => {
    const run = await killedWithoutAnswer();
    await stand.trial.start();
    await stand.ended(run.id);
    await told(stand, run.id);
    expect(twice(await marks(stand))).toEqual([]);
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
      () => marks(stand),
      (all) => twice(all).some((mark) => mark.endsWith(" message")),
      60_000,
    );
  });
});
