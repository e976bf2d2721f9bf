import { afterEach, beforeEach, expect, it } from "vitest";
import { runOf } from "../../handlers/slack/unfurl.ts";
import { TEAM } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface;
beforeEach(async () => {
  surface = await TestSurface.open();
});
afterEach(async () => {
  await surface.close();
});

let count = 0;

/** Somebody has written these addresses: https://docs.slack.dev/reference/events/link_shared */
async function share(user: string, ...urls: string[]): Promise<void> {
  const links = urls.map((url) => ({ domain: new URL(url).hostname, url }));
  const event = { type: "link_shared", user, channel: "C0OTHER", message_ts: "1700000000.1", links };
  const body = { type: "event_callback", team_id: TEAM, event_id: `Ev${++count}`, event };
  await surface.post(JSON.stringify(body), { type: "application/json" });
}

it("the address of a run shows the run below it, for those who may see runs, without buttons", async () => {
  await surface.command("launch stg1");
  await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(1);
  await share("U0GUEST", "http://bot.example.org/runs/1");
  await share("U0VIEW", "http://bot.example.org/runs/99", "http://evil.example.org/runs/1");
  await share("U0VIEW", "http://bot.example.org/runs/1");
  const calls = await surface.slack.called("chat.unfurl");
  expect(calls).toHaveLength(1);
  expect(calls[0]?.body).toMatchObject({ channel: "C0OTHER", ts: "1700000000.1" });
  expect(calls[0]?.body.unfurls).toContain("Launch of stg1");
  expect(calls[0]?.body.unfurls).not.toContain("run_cancel");
});

it("an address is a run's when nothing else can be meant", () => {
  const base = "https://bot.example.org";
  expect(runOf(`${base}/runs/12`, base)).toBe(12);
  expect(runOf(`${base}/runs/12#log`, base)).toBe(12);
  for (const other of ["/runs/", "/runs/x", "/runs/12x", "/runs/1/timeline.png", "/slots/1"])
    expect(runOf(base + other, base)).toBe(other === "/runs/1/timeline.png" ? 1 : null);
  expect(runOf("https://bot.example.org.evil.net/runs/1", base)).toBeNull();
});
