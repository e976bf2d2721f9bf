import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { parse } from "yaml";
import { checkSlack } from "../../handlers/slack/check.ts";
import { SCOPES } from "../../handlers/slack/scopes.ts";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";

const MANIFEST = join(import.meta.dirname, "..", "..", "slack.yml");
let front: SlackFront | undefined;
afterEach(async () => {
  await front?.close();
});

async function settings(manifest = MANIFEST, botToken = "xoxb-check") {
  front = await startSlackFront({
    botToken: "xoxb-check",
    signingSecret: "unused",
    botUrl: "http://127.0.0.1:9",
    manifest,
  });
  return {
    botToken,
    apiUrl: `${front.url}/api/`,
    mode: { kind: "http", signingSecret: "unused" },
  } as const;
}

test("the scopes that are checked are the manifest's", () => {
  const { oauth_config: config } = parse(readFileSync(MANIFEST, "utf8"));
  expect(Object.keys(SCOPES).sort()).toEqual([...config.scopes.bot].sort());
});

test("a bot with all it needs is told of by name; one without its token or channel is told what to do", async () => {
  const good = await settings();
  expect(await checkSlack(good, CHANNEL.id)).toContain(CHANNEL.id);
  await expect(checkSlack({ ...good, botToken: "xoxb-other" }, null)).rejects.toMatchObject({
    code: "slack_refused",
  });
  await expect(checkSlack(good, "C0NOWHERE")).rejects.toMatchObject({ code: "slack_not_in_channel" });
});

test("an answer that cannot be read is not repeated to people", async () => {
  const good = await settings();
  const body = JSON.stringify([{ action: "*", mode: "garbage", rate: 1 }]);
  await fetch(`${front?.url}/_sandbox/faults`, { method: "POST", body });
  await expect(checkSlack(good, null)).rejects.toMatchObject({
    message: "Slack does not take the token: Slack's answer could not be read",
  });
});

test("a token of an older manifest lacks what is new, by name and use", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slack-check-"));
  try {
    const older = readFileSync(MANIFEST, "utf8").replace(/^ *- files:write.*\n/m, "");
    writeFileSync(join(folder, "slack.yml"), older);
    const good = await settings(join(folder, "slack.yml"));
    await expect(checkSlack(good, null)).rejects.toMatchObject({
      code: "slack_scopes_missing",
      message: "The token lacks scopes: files:write (to show screenshots of failing tests).",
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
