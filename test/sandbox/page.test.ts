import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { openChromium } from "../../sandbox/browser.ts";
import { cloudState, run, runs, slash, waitForRun } from "../../sandbox/client.ts";
import { actAs, goTo, openPage, openThread, runMessage, setSwitch, typeLine } from "../../sandbox/reader.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";

/** The sandbox's page as a newcomer meets it, in a real browser, with the real bot behind it. */
vi.setConfig({ testTimeout: 240_000 });
const PATIENT = { timeout: 90_000 };
const SLOW = { timeout: 60_000 };
const ENDED = ["succeeded", "failed", "cancelled"];

const ROOT = join(import.meta.dirname, "..", "..");
/** Screenshots of what was seen, to be looked at. */
const SEEN = join(ROOT, "test-results", "page");
const folder = mkdtempSync(join(tmpdir(), "slipway-page-"));
let sandbox: Sandbox;
let browser: Browser;
let page: Page;
let faults: string[];

beforeAll(async () => {
  mkdirSync(SEEN, { recursive: true });
  browser = await openChromium();
  sandbox = await startSandbox({ dir: folder, port: 0 });
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await sandbox?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

beforeEach(async () => {
  page = await open();
});
afterEach(() => page.close());

/** The page, which must not be at fault itself: no script error, nothing that its own policy refuses. */
async function open(size = { width: 1280, height: 800 }): Promise<Page> {
  faults = [];
  return await openPage(browser, sandbox.json.console, {
    size,
    begin: (opened) => {
      opened.on("pageerror", (error) => faults.push(error.message));
      opened.on("console", (message) => {
        if (message.type() === "error" && message.text().includes("Content Security Policy")) {
          faults.push(message.text());
        }
      });
    },
  });
}

const seen = (name: string) => page.screenshot({ path: join(SEEN, `${name}.png`) });
const messages = () => page.locator("#messages > li");
const messageOf = (slot: string) => runMessage(page, slot);
const typed = (line: string) => typeLine(page, line);

/** The number of the newest run, once there is another than before. */
async function nextRun(before: number): Promise<number> {
  await expect.poll(async () => (await runs(sandbox.json)).length, PATIENT).toBeGreaterThan(before);
  return (await runs(sandbox.json))[0]?.id ?? 0;
}

test("a newcomer types what the first line says, sees the plan move and the run succeed, and reads the thread", async () => {
  expect(await page.locator("#intro").innerText()).toContain("/stg launch stg1");
  expect(await page.locator("#entry").evaluate((entry) => entry === entry.ownerDocument.activeElement)).toBe(
    true,
  );
  await page.keyboard.type("/stg launch stg1 --tests none");
  await page.keyboard.press("Enter");
  const message = messageOf("stg1");
  await message.locator(".card[data-status=in_progress]").first().waitFor(SLOW);
  await seen("plan-moves");
  const done = () => message.locator(".card[data-status=complete]").count();
  const early = await done();
  await expect.poll(async () => (await runs(sandbox.json))[0]?.state, PATIENT).toBe("succeeded");
  await message.getByText(/^Succeeded/).waitFor(SLOW);
  expect(await done()).toBeGreaterThan(early);
  expect(await message.locator(".card[data-status=in_progress]").count()).toBe(0);
  await message.locator(".edited").waitFor(SLOW);

  await message.locator("button.replies").click();
  await page
    .locator("#pane")
    .getByText(/succeeded after/)
    .waitFor(SLOW);
  await seen("thread");
  await page.keyboard.press("Escape");
  await page.locator("#pane").waitFor({ state: "hidden" });
  expect(await page.evaluate("document.activeElement.className")).toBe("replies");
  expect(faults).toEqual([]);
});

test("Cancel asks first, and stops the run; Extend and Terminate do what they say", async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
  await typed("/stg launch stg2 --keep 20m");
  const cancelled = await nextRun(before);
  const cancel = messageOf("stg2").locator("[data-action=run_cancel]");
  await cancel.click(SLOW);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Cancel this run?").waitFor(SLOW);
  await seen("confirm");
  // Escape is a no.
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  expect(await run(json, cancelled)).not.toMatchObject({ state: "cancelled" });
  await cancel.click(SLOW);
  await dialog.getByRole("button", { name: "Cancel the run" }).click(SLOW);
  expect(await waitForRun(json, cancelled, ENDED, 120_000)).toMatchObject({ state: "cancelled" });

  await typed("/stg launch stg2 --tests none --keep 20m");
  const kept = await nextRun(before + 1);
  expect(await waitForRun(json, kept, ENDED, 120_000)).toMatchObject({ state: "succeeded" });
  await messageOf("stg2").locator("[data-action=run_extend]").click(SLOW);
  await messages().filter({ hasText: "extended by @developer" }).waitFor(SLOW);
  await seen("extended");
  await messageOf("stg2").locator("[data-action=run_terminate]").click(SLOW);
  await dialog.getByRole("button", { name: "Terminate" }).click(SLOW);
  await expect.poll(async () => (await cloudState(json)).instances, PATIENT).toEqual([]);
  expect(faults).toEqual([]);
});

describe("what others see", () => {
  test("a refusal is for its author alone; each person has an own talk with the app", async () => {
    await actAs(page, "viewer");
    await typed("/stg launch stg3");
    const refusal = messages()
      .filter({ hasText: "Only visible to you" })
      .filter({ hasText: "slipway" })
      .last();
    await refusal.waitFor(SLOW);
    await actAs(page, "maintainer");
    await typed("/stg whoami");
    await messages().filter({ hasText: "You are" }).last().waitFor(SLOW);
    expect(await messages().filter({ hasText: "/stg launch stg3" }).count()).toBe(0);
    const api = {
      "content-type": "application/json",
      authorization: `Bearer ${sandbox.json.slack.botToken}`,
    };
    const body = JSON.stringify({
      channel: sandbox.json.slack.users.maintainer,
      text: "Your turn on *stg3*",
    });
    await fetch(`${sandbox.json.slack.api}chat.postMessage`, { method: "POST", headers: api, body });
    await page.getByRole("button", { name: "slipway" }).click();
    await messages().filter({ hasText: "Your turn on stg3" }).waitFor(SLOW);
    expect(await messages().locator("strong", { hasText: "stg3" }).count()).toBe(1);
  });

  test("what a message says is never markup of the page, and pings nobody", async () => {
    const api = {
      "content-type": "application/json",
      authorization: `Bearer ${sandbox.json.slack.botToken}`,
    };
    const text =
      "&lt;!channel&gt; &lt;img src=x onerror=alert(1)&gt; <script>alert(1)</script> <javascript:alert(1)|here>";
    const body = JSON.stringify({ channel: sandbox.json.slack.channel, text });
    await fetch(`${sandbox.json.slack.api}chat.postMessage`, { method: "POST", headers: api, body });
    const message = messages().filter({ hasText: "onerror" });
    await message.waitFor(SLOW);
    expect(await message.locator("img, script, .loud, a").count()).toBe(0);
    expect(faults).toEqual([]);
  });
});

test("the app's home is the board; its Launch opens a form, which the keyboard fills in", async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
  await goTo(page, "Home");
  await page.locator("#home h3", { hasText: "Staging slots" }).waitFor(SLOW);
  await seen("home");
  await page.locator("#home").getByRole("button", { name: "Launch" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Launch" });
  await dialog.waitFor(SLOW);
  expect(await page.evaluate("document.activeElement.tagName")).toBe("SELECT");
  await dialog.getByLabel("Tests").selectOption("none");
  await seen("modal");
  await dialog.getByRole("button", { name: "Launch" }).click();
  await dialog.waitFor({ state: "detached", ...SLOW });
  const id = await nextRun(before);
  expect(await waitForRun(json, id, ENDED, 120_000)).toMatchObject({ state: "succeeded", target: "stg1" });
  expect(faults).toEqual([]);
});

test("a form that lacks something is not sent, and says where; Escape closes it", async () => {
  const { json } = sandbox;
  const plain = (text: string) => ({ type: "plain_text", text });
  const { triggerId } = await slash(json, "developer", "whoami");
  const element = { type: "plain_text_input", action_id: "text" };
  const blocks = [{ type: "input", block_id: "reason", label: plain("Reason"), element }];
  const view = { type: "modal", title: plain("Lock a slot"), submit: plain("Lock"), blocks };
  await fetch(`${json.slack.api}views.open`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${json.slack.botToken}` },
    body: JSON.stringify({ trigger_id: triggerId, view }),
  });
  const dialog = page.getByRole("dialog", { name: "Lock a slot" });
  await dialog.waitFor(SLOW);
  await page.keyboard.press("Enter");
  await dialog.getByText(/complete this required field/).waitFor(SLOW);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached", ...SLOW });
});

test("a form opened by the keyboard from the home gives the focus back", async () => {
  await goTo(page, "Home");
  const button = page.locator("#home").getByRole("button", { name: "Launch", exact: true }).first();
  await button.focus();
  const asked = await page.evaluate("document.activeElement.dataset.focus");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Launch" });
  await dialog.waitFor(SLOW);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached", ...SLOW });
  await expect.poll(() => page.evaluate("document.activeElement.dataset.focus"), SLOW).toBe(asked);
  await goTo(page, "staging");
});

test("a reload keeps whom one acts as, where, and the open thread; another tab is another person", async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
  await actAs(page, "developer2");
  await typed("/stg launch stg3 --tests none");
  expect(await waitForRun(json, await nextRun(before), ENDED, 120_000)).toMatchObject({ state: "succeeded" });
  await openThread(page, "stg3");
  await page.reload();
  await page.locator("#pane").getByText("Thread").waitFor(SLOW);
  expect(await page.locator("#who").inputValue()).toBe("developer2");
  const other = await open();
  expect(await other.locator("#who").inputValue()).toBe("developer");
  await other.close();
  await page.keyboard.press("Escape");
  await goTo(page, "Home");
  await page.reload();
  await page.locator("#home h3", { hasText: "Staging slots" }).waitFor(SLOW);
  // A command stands before what it began.
  await goTo(page, "staging");
  const own = await messages().allInnerTexts();
  const typedAt = own.findLastIndex((text) => text.includes("/stg launch stg3 --tests none"));
  const runAt = own.findLastIndex((text) => /Launch of stg3/.test(text));
  expect(typedAt).toBeGreaterThan(-1);
  expect(typedAt).toBeLessThan(runAt);
  expect(faults).toEqual([]);
});

describe("what goes wrong on demand", () => {
  test("no capacity: the launch fails, and says why; switched off, the next one does not", async () => {
    const before = (await runs(sandbox.json)).length;
    await setSwitch(page, "AWS has no capacity", true);
    await expect
      .poll(async () => (await fetch(new URL("/_sandbox/faults", sandbox.json.aws.endpoint))).json(), PATIENT)
      .toHaveLength(1);
    await typed("/stg launch stg4 --tests none");
    const failed = await nextRun(before);
    await waitForRun(sandbox.json, failed, ["failed"], 180_000);
    await messageOf("stg4").locator(".card.error").waitFor(SLOW);
    await setSwitch(page, "AWS has no capacity", false);
    await expect
      .poll(async () => (await fetch(new URL("/_sandbox/faults", sandbox.json.aws.endpoint))).json(), PATIENT)
      .toEqual([]);
    await seen("no-capacity");
  });

  test("the bot is killed in a run, starts again, and the run goes on to its end", async () => {
    const before = (await runs(sandbox.json)).length;
    const pid = sandbox.json.pids.bot;
    await typed("/stg launch stg1 --tests none");
    const id = await nextRun(before);
    await page.getByRole("button", { name: "Kill the bot" }).click();
    await page.getByText("starting again").waitFor(SLOW);
    await page.getByRole("button", { name: "Kill the bot" }).waitFor({ timeout: 90_000 });
    expect(sandbox.json.pids.bot).not.toBe(pid);
    expect(await waitForRun(sandbox.json, id, ["succeeded", "failed"], 180_000)).toMatchObject({
      state: "succeeded",
    });
    await page.getByText("The bot is up.").waitFor(SLOW);
  });
});

test("a failing test is named in the thread, with its error and its screenshot", async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
  await setSwitch(page, "A test fails", true);
  await typed("/stg launch stg3 --tests chrome");
  const id = await nextRun(before);
  expect(await waitForRun(json, id, ENDED, 180_000)).toMatchObject({ state: "failed" });
  await setSwitch(page, "A test fails", false);
  const pane = await openThread(page, "stg3");
  const screenshot = pane.locator("img").first();
  await screenshot.waitFor(PATIENT);
  // Its bytes came through, not a broken image.
  await expect
    .poll(
      () => screenshot.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      PATIENT,
    )
    .toBeGreaterThan(300);
  await expect.poll(() => pane.innerText(), PATIENT).toMatch(/1 failed[\s\S]*Error/);
  await screenshot.scrollIntoViewIfNeeded();
  await seen("failing-test");
  expect(faults).toEqual([]);
});

describe("on a phone, by keyboard, and from elsewhere", () => {
  test("nothing is wider than a phone, and every place is reached", async () => {
    await page.close();
    page = await open({ width: 390, height: 844 });
    for (const name of ["slipway", "Home", "Cloud", "staging"] as const) {
      await page.getByRole("navigation").getByRole("button", { name }).click();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    }
    await page.locator("#entry").fill("/stg la");
    await page.locator("#suggestions").getByText("/stg launch").waitFor(SLOW);
    await seen("phone");
    await page.keyboard.press("Tab");
    expect(await page.locator("#entry").inputValue()).toBe("/stg launch ");
  });

  test("lines typed before come back, suggestions go away, and focus is always seen", async () => {
    await typed("/stg status");
    await page.keyboard.press("ArrowUp");
    expect(await page.locator("#entry").inputValue()).toBe("/stg status");
    await page.locator("#entry").fill("/stg l");
    await page.locator("#suggestions").waitFor(SLOW);
    await page.keyboard.press("Escape");
    await page.locator("#suggestions").waitFor({ state: "hidden" });
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("send");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
  });

  test("a reader who has scrolled up stays there, and is told of what is new", async () => {
    const api = {
      "content-type": "application/json",
      authorization: `Bearer ${sandbox.json.slack.botToken}`,
    };
    const post = (text: string) => {
      const body = JSON.stringify({ channel: sandbox.json.slack.channel, text });
      return fetch(`${sandbox.json.slack.api}chat.postMessage`, { method: "POST", headers: api, body });
    };
    await post("line\n".repeat(80));
    await expect
      .poll(() => page.evaluate("document.getElementById('scroll').scrollTop"), PATIENT)
      .toBeGreaterThan(500);
    await page.locator("#scroll").evaluate((scroll) => {
      scroll.scrollTop = 0;
    });
    await post("the newest word");
    await page.getByRole("button", { name: "New messages" }).click(SLOW);
    await page.getByText("the newest word").last().waitFor(SLOW);
    const left =
      "(({scrollHeight, scrollTop, clientHeight}) => scrollHeight - scrollTop - clientHeight)(document.getElementById('scroll'))";
    expect(await page.evaluate(left)).toBeLessThan(5);
  });

  test("the policy allows own files alone; other sites, hosts and addresses get nothing", async () => {
    const { console: url, bot, aws } = sandbox.json;
    const policy = (await fetch(url)).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    const form = new URLSearchParams({ user: "developer", text: "launch stg1" });
    expect((await fetch(`${url}/command`, { method: "POST", body: form })).status).toBe(415);
    const picture = (address: string) => fetch(`${url}/picture?url=${encodeURIComponent(address)}`);
    expect((await picture(`${aws.endpoint}/_sandbox/state`)).status).toBe(404);
    expect((await picture(`${bot}/healthz`)).status).toBe(404);
    expect((await fetch(`${url}/../server.ts`)).status).toBe(404);
    const facts = await (await fetch(`${url}/facts`)).text();
    expect(facts).not.toContain(sandbox.json.slack.botToken);
    expect(facts).not.toContain(sandbox.json.dashboardToken);
  });
});
