import { join } from "node:path";
import { webApi } from "@slack/bolt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";

/** Slack's own client against the front: it speaks forms, retries and uploads in its own way. */
let slack: SlackFront;
let client: webApi.WebClient;

beforeAll(async () => {
  slack = await startSlackFront({
    botToken: "xoxb-test",
    signingSecret: "secret",
    botUrl: "http://127.0.0.1:9",
    manifest: join(import.meta.dirname, "..", "..", "slack.yml"),
  });
  const options = {
    slackApiUrl: `${slack.url}/api/`,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
  };
  client = new webApi.WebClient("xoxb-test", options);
});

afterAll(() => slack.close());

test("posts blocks, edits, and uploads a screenshot into the thread", async () => {
  const blocks = [{ type: "section", text: { type: "mrkdwn", text: "*Run 1*" } }];
  const posted = await client.chat.postMessage({ channel: CHANNEL.id, text: "Run 1", blocks });
  const ts = posted.ts ?? "";
  await client.chat.update({ channel: CHANNEL.id, ts, text: "Run 1 ended" });
  const uploaded = await client.filesUploadV2({
    channel_id: CHANNEL.id,
    thread_ts: ts,
    file: Buffer.from("not really a picture"),
    filename: "failure.png",
  });
  expect(uploaded.ok).toBe(true);
  const shown = await (await fetch(`${slack.url}/_sandbox/messages`)).json();
  expect(shown).toMatchObject({
    messages: [{ text: "Run 1 ended", thread: [{ files: [{ name: "failure.png" }] }] }],
  });
});

test("a direct message goes to a person", async () => {
  const sent = await client.chat.postMessage({ channel: "U0DEVELOPER", text: "Your slot was taken." });
  expect(sent.channel).toMatch(/^D/);
});

test("a wrong block and too many calls are errors that the client understands", async () => {
  const wrong = client.chat.postMessage({
    channel: CHANNEL.id,
    text: "x",
    blocks: [{ type: "nonsense" } as never],
  });
  await expect(wrong).rejects.toMatchObject({ data: { error: "invalid_blocks" } });
  const flood = Array.from({ length: 8 }, () => client.chat.postMessage({ channel: CHANNEL.id, text: "x" }));
  const outcomes = await Promise.allSettled(flood);
  const refused = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toMatchObject({ code: "slack_webapi_rate_limited_error", retryAfter: 1 });
});
