import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RUN_ACTIONS, type RunAction } from "../../src/publish/slack-actions.ts";
import { TEAM } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface;
beforeEach(async () => {
  surface = await TestSurface.open();
});
afterEach(async () => {
  await surface.close();
});

let triggers = 0;

/** Presses a button as Slack tells of it: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
async function press(
  action: RunAction | "unheard_of",
  value: string,
  { user = "U0DEV", trigger = `click-${++triggers}`, ts = "1700000000.000100" } = {},
): Promise<Response> {
  const payload = {
    type: "block_actions",
    trigger_id: trigger,
    user: { id: user, username: user.toLowerCase(), team_id: TEAM },
    team: { id: TEAM, domain: "acme" },
    api_app_id: "A0",
    container: { type: "message", message_ts: ts, channel_id: "C0STAGING", is_ephemeral: false },
    channel: { id: "C0STAGING", name: "staging" },
    response_url: `${surface.slack.url}/respond/click`,
    actions: [
      {
        type: "button",
        action_id: action === "unheard_of" ? action : RUN_ACTIONS[action],
        block_id: "run-1-run",
        value,
        action_ts: "1700000000.000200",
      },
    ],
  };
  return await surface.post(`payload=${encodeURIComponent(JSON.stringify(payload))}`);
}

async function runsOf(kind: string): Promise<number> {
  const rows = await surface.bot.parts.db.selectFrom("runs").select("kind").execute();
  return rows.filter((row) => row.kind === kind).length;
}

async function stateOf(runId: number): Promise<string | undefined> {
  return (await surface.bot.services.engine.run(runId))?.state;
}

/** What the bot said to the one who pressed. */
async function said(count = 1): Promise<string> {
  const calls = await surface.slack.called("respond/click", count);
  return calls[count - 1]?.body.text ?? "";
}

async function launched(text: string): Promise<void> {
  await surface.command(text);
  await expect.poll(() => stateOf(1), { timeout: 30_000 }).toBe("succeeded");
}

describe("a button of a run's message", () => {
  it("cancels the run, for a person who may; for another it is refused to that person alone", async () => {
    surface.bot.pipelines.hold = true;
    await surface.command("launch stg1");
    await expect.poll(() => stateOf(1), { timeout: 30_000 }).toBe("running");
    expect((await press("cancel", "1", { user: "U0VIEW" })).status).toBe(200);
    expect(await said()).toContain("`role_missing`");
    expect(await stateOf(1)).toBe("running");
    await press("cancel", "1");
    await expect.poll(() => stateOf(1), { timeout: 30_000 }).toBe("cancelled");
  });

  it("shows the run's last lines to the one who pressed", async () => {
    await launched("launch stg1");
    await press("logs", "1", { user: "U0VIEW" });
    expect(await said()).toContain("launch says hello");
  });

  it("begins one run, however often it is pressed or delivered", async () => {
    surface.bot.pipelines.tests = { ...surface.bot.pipelines.tests, failed: 1 };
    await launched("launch stg1 --keep 1h");
    surface.bot.pipelines.hold = true;
    await press("retest", "1", { trigger: "same" });
    for (let again = 0; again < 3; again++) await press("retest", "1", { trigger: "same" });
    await press("retest", "1");
    await said(2);
    expect(await runsOf("test")).toBe(1);
    surface.bot.pipelines.letGo();
    await expect.poll(() => stateOf(2), { timeout: 30_000 }).toBe("succeeded");
    // The control: the button of another message is another wish.
    await press("retest", "1", { ts: "1700000000.000999" });
    await said(3);
    expect(await runsOf("test")).toBe(2);
  });

  it("extends and terminates what the run has left standing", async () => {
    await launched("launch stg1 --keep 1h");
    await press("extend", "1");
    await surface.slack.called("chat.postMessage");
    expect(surface.slack.of("chat.postMessage").at(-1)?.body.text).toMatch(/stg1.*until/);
    await press("terminate", "1");
    await expect.poll(() => runsOf("terminate"), { timeout: 30_000 }).toBe(1);
  });

  it("does not act on what somebody else has put there since", async () => {
    await launched("launch stg1 --keep 1h");
    await surface.command("terminate stg1");
    await expect.poll(() => stateOf(2), { timeout: 30_000 }).toBe("succeeded");
    await surface.command("launch stg1 --keep 1h", { user_id: "U0GROUPED" });
    await expect.poll(() => stateOf(3), { timeout: 30_000 }).toBe("succeeded");
    await press("terminate", "1");
    expect(await said()).toMatch(/is no longer there\. Nothing was started\. \(`nothing_there`\)$/);
    expect(await runsOf("terminate")).toBe(1);
  });

  it("that nobody made does nothing", async () => {
    expect((await press("unheard_of", "1")).status).toBe(200);
    for (const value of ["0", "-1", "1.5", "x", "1; rm -rf /", "", "99999999999999999999"])
      expect((await press("cancel", value)).status).toBe(200);
    await press("cancel", "77");
    expect(await said()).toBe("There is no run #77. Nothing was started. (`unknown_run`)");
    expect(surface.slack.of("respond/click")).toHaveLength(1);
    expect(await surface.bot.runCount()).toBe(0);
  });
});
