import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGitHubWebhooks } from "../../handlers/github/webhooks.ts";

const SECRET = "the App's webhook secret";
const BODY = JSON.stringify({ action: "created", comment: { body: "/stg status" } });
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  server = createServer(createGitHubWebhooks({ secret: SECRET, log: pino({ level: "silent" }) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const sign = (body: string, secret = SECRET) =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

async function deliver(body: string, signature?: string, event = "issue_comment"): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const headers: Record<string, string> = { "content-type": "application/json", "x-github-event": event };
  if (signature !== undefined) headers["x-hub-signature-256"] = signature;
  return (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers })).status;
}

test("a webhook signed with the App's secret is acknowledged", async () => {
  expect(await deliver(BODY, sign(BODY))).toBe(202);
});

test.each([
  ["no signature", undefined],
  ["another secret", sign(BODY, "guessed")],
  ["another body's signature", sign("{}")],
  ["a cut signature", sign(BODY).slice(0, -2)],
  ["nothing after the name", "sha256="],
])("refuses %s", async (_, signature) => {
  expect(await deliver(BODY, signature)).toBe(400);
});

test.each([
  ["no JSON", "{", "push"],
  ["a list", "[]", "push"],
  ["no event", BODY, ""],
  ["an event that is none", BODY, "../push"],
])("refuses %s, though it is rightly signed", async (_, body, event) => {
  expect(await deliver(body, sign(body), event)).toBe(400);
});
