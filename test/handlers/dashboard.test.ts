import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Browser, type BrowserContext, type Page, expect as see } from "@playwright/test";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openChromium } from "../../sandbox/browser.ts";
import { dev, dev2, maint } from "../support/bot.ts";
import { TestSurface } from "../support/surface.ts";

const TOKEN = "the-dashboard-token";
const PATIENT = { timeout: 30_000 };
const EVIL = '<img src=x onerror="document.title=1"><script>window.hacked=1</script>&amp;';
const SCREENSHOTS = join(import.meta.dirname, "..", "..", "test-results", "dashboard");

let browser: Browser;
let surface: TestSurface;
let context: BrowserContext;
let page: Page;
/** What the browser complained about: scripts that failed, what the page's policy stopped. */
let complaints: string[];

beforeAll(async () => {
  browser = await openChromium();
}, 90_000);
afterAll(() => browser.close());
beforeEach(async () => {
  surface = await TestSurface.open({ dashboardToken: TOKEN });
  await visit();
});
afterEach(async () => {
  await context.close();
  await surface.close();
});

async function visit(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
  await context?.close();
  context = await browser.newContext(options);
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (said) => {
    if (said.type() === "error" && !said.text().includes("status of 40")) complaints.push(said.text());
  });
}

async function signIn(path = "/", token = TOKEN): Promise<void> {
  await page.goto(surface.url + path);
  await page.getByLabel("Dashboard token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const slot = (name: string) => page.locator(`#slot-${name}`);

describe("signing in", () => {
  it("takes the token alone, leads where the person wanted to go, and out again", async () => {
    const run = await surface.bot.keepSomethingOn("stg1");
    await signIn(`/runs/${run}`, "wrong");
    await see(page.getByRole("alert")).toContainText("That is not the token", PATIENT);
    await page.getByLabel("Dashboard token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await see(page.getByRole("heading", { level: 1 })).toContainText("Launch of stg1 #1", PATIENT);
    expect(await context.cookies()).toMatchObject([{ httpOnly: true, sameSite: "Strict" }]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await see(page.getByLabel("Dashboard token")).toBeVisible(PATIENT);
    expect((await page.goto(`${surface.url}/runs/${run}`))?.status()).toBe(401);
    expect(complaints).toEqual([]);
  });

  it.each(["https://evil.example", "//evil.example", "/api/runs", "/runs/1/../..", "javascript:1"])(
    "never leads to %s",
    async (next) => {
      const body = new URLSearchParams({ token: TOKEN, next });
      const answer = await fetch(`${surface.url}/sign-in`, { method: "POST", body, redirect: "manual" });
      expect(answer.status).toBe(303);
      expect(answer.headers.get("location")).toBe("/");
    },
  );

  it("outlives a link from another site, with which a strict cookie is not sent", async () => {
    await surface.bot.keepSomethingOn("stg1");
    await signIn();
    await see(slot("stg1")).toBeVisible(PATIENT);
    const elsewhere = await serve(`<a href="${surface.url}/runs/1">the run</a>`);
    const answers: number[] = [];
    page.on("response", (answer) => {
      if (answer.url().endsWith("/runs/1")) answers.push(answer.status());
    });
    await page.goto(`http://localhost:${(elsewhere.address() as AddressInfo).port}/`);
    await page.getByText("the run").click();
    await see(page.getByRole("heading", { level: 1 })).toContainText("Launch of stg1 #1", PATIENT);
    expect(answers.slice(0, 2)).toEqual([401, 200]);
    // Whoever is not signed in is asked once, and not sent round and round.
    await context.clearCookies();
    await page.goto(`http://localhost:${(elsewhere.address() as AddressInfo).port}/`);
    await page.getByText("the run").click();
    await see(page.getByLabel("Dashboard token")).toBeVisible(PATIENT);
    await page.getByLabel("Dashboard token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await see(page.getByRole("heading", { level: 1 })).toContainText("Launch of stg1 #1", PATIENT);
    elsewhere.close();
  });
});

async function serve(body: string): Promise<Server> {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe("the board", () => {
  it("says what the API and `status` say, with names", async () => {
    await surface.bot.keepSomethingOn("stg1");
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg2 --reason demo", { person: dev2 });
    await surface.bot.say("launch stg2", { person: maint });
    await signIn();
    await see(slot("stg1").locator(".badge")).toHaveText("held", PATIENT);
    await see(slot("stg1")).toContainText("An environment of Dev is kept here.");
    await see(slot("stg1")).toContainText("i-0123456789abcdef0");
    await see(slot("stg1")).toContainText(/Until\s*in 59m/);
    await see(slot("stg2").locator(".badge")).toHaveText("busy");
    await see(slot("stg2")).toContainText("Dora: launch, run #2");
    await see(slot("stg2")).toContainText(/Reason\s*demo/);
    await see(slot("stg2").locator(".queue")).toContainText(/Mina, run #3, probably in/);
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { slots } = (await (await fetch(`${surface.url}/api/slots`, { headers })).json()) as {
      slots: { name: string; state: string }[];
    };
    for (const { name, state } of slots) await see(slot(name).locator(".badge")).toHaveText(state);
    expect(await page.locator("main").innerText()).not.toMatch(
      /slack:|U0[A-Z]|\b(run|kept|locked)\b(?= *$)/m,
    );
    await slot("stg2").getByRole("link", { name: "run #2" }).click();
    await see(page.getByRole("heading", { level: 1 })).toContainText("Launch of stg2 #2", PATIENT);
    expect(complaints).toEqual([]);
  });

  it("tells of a cleanup that is not confirmed, and what is owed", async () => {
    await surface.bot.keepSomethingOn("stg1");
    surface.bot.pipelines.stuck = true;
    await surface.bot.say("unlock stg1");
    await signIn();
    await see(slot("stg1").locator(".badge")).toHaveText("dirty", PATIENT);
    await see(slot("stg1")).toContainText("Its cleanup is not confirmed");
    await see(slot("stg1")).toContainText("Terminate instance: AWS does not answer", PATIENT);
    await see(slot("stg1")).toContainText("/stg clean stg1");
    surface.bot.pipelines.stuck = false;
    await surface.bot.say("clean stg1", { person: maint, roles: ["maintainer"] });
    await see(slot("stg1").locator(".badge")).toHaveText("free", PATIENT);
  });

  it("follows what happens without being loaded again", async () => {
    await signIn();
    await see(slot("stg1").locator(".badge")).toHaveText("free", PATIENT);
    await page.evaluate("window.same = true");
    await surface.bot.say("lock stg1 --reason demo");
    await see(slot("stg1").locator(".badge")).toHaveText("held", PATIENT);
    await see(slot("stg1")).toContainText("Dev holds it.");
    await surface.bot.say("unlock stg1");
    await see(slot("stg1").locator(".badge")).toHaveText("free", PATIENT);
    expect(await page.evaluate("'same' in window")).toBe(true);
  });

  it("asks for the token when the session has ended", async () => {
    await signIn();
    await see(slot("stg1")).toBeVisible(PATIENT);
    surface.bot.clock.ahead = 13 * 3_600_000;
    await see(page.getByLabel("Dashboard token")).toBeVisible(PATIENT);
  });
});

describe("a run's page", () => {
  it("shows steps and log while they come, and the end", async () => {
    surface.bot.pipelines.hold = true;
    surface.bot.pipelines.tests = { passed: 2, failed: 1, flaky: 0, skipped: 0, notRun: 4 };
    await surface.bot.say("launch stg1 --keep");
    await signIn("/runs/1");
    const steps = page.locator(".steps li");
    await see(steps.first()).toHaveClass("running", PATIENT);
    await see(page.locator("#log")).toContainText("launch says hello", PATIENT);
    await see(page.locator("#log-state")).toContainText("Following");
    await page.evaluate("window.same = true");
    surface.bot.pipelines.letGo();
    await see(page.locator("h1 .badge")).toHaveText("succeeded", PATIENT);
    await see(steps.first()).toHaveClass("succeeded");
    await see(steps.first().locator("rect")).toHaveAttribute("width", /^\d/);
    await see(page.locator(".counts")).toContainText(/2 passed\s*1 failed\s*4 not run/);
    await see(page.locator(".obligations")).toContainText("Terminate instance: owed, due in");
    await see(page.locator("#log-state")).toContainText("That is all", PATIENT);
    await see(page.locator("#log")).toContainText("and <!channel> & goodbye");
    expect(await page.evaluate("'same' in window")).toBe(true);
    expect(complaints).toEqual([]);
  });

  it("says why a run failed, and of one that is not there that it is not", async () => {
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg1");
    await surface.bot.say("launch stg1", { person: dev2 });
    await surface.bot.say("cancel 2", { person: dev2 });
    await signIn("/runs/2");
    await see(page.locator("h1 .badge")).toHaveText("cancelled", PATIENT);
    await see(page.locator(".box")).toContainText("Cancelled by Dora before it began.");
    expect((await page.goto(`${surface.url}/runs/99`))?.status()).toBe(404);
    await see(page.getByRole("heading", { level: 1 })).toHaveText("There is no run 99");
    expect((await page.goto(`${surface.url}/runs/${encodeURIComponent("<b>1")}`))?.status()).toBe(404);
    await see(page.getByRole("heading", { level: 1 })).toHaveText("There is no run %3Cb%3E1");
  });
});

describe("a run's picture", () => {
  const picture = (run: number | string, token?: string) =>
    fetch(`${surface.url}/runs/${run}/timeline.png`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });

  it("is a PNG, drawn wide enough to be read, for those who give the token", async () => {
    const run = await surface.bot.keepSomethingOn("stg1");
    const answer = await picture(run, TOKEN);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("image/png");
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
    // https://www.w3.org/TR/png-3/#11IHDR
    expect(bytes.readUInt32BE(16)).toBe(2_400);
    await signIn(`/runs/${run}`);
    await page.getByRole("link", { name: "as a picture" }).click();
    expect(await page.locator("img").evaluate((image) => Reflect.get(image, "naturalWidth"))).toBe(2_400);
  });

  it("is refused without the token, and of a run that is not there", async () => {
    const run = await surface.bot.keepSomethingOn("stg1");
    expect((await picture(run)).status).toBe(401);
    expect((await picture(run, "wrong")).status).toBe(401);
    for (const other of [99, "0", "1x", "-1"]) {
      const answer = await picture(other, TOKEN);
      expect(answer.status).toBe(404);
      expect(answer.headers.get("content-type")).toContain("application/json");
    }
    expect((await picture(99)).status).toBe(401);
  });
});

/** As if a run's work had written this. */
async function rewriteLog(run: number, columns: { line: string; path?: string }): Promise<void> {
  const { db, engine } = surface.bot.parts;
  await expect.poll(async () => (await engine.log(run, { limit: 9 })).length, PATIENT).toBeGreaterThan(1);
  await db.updateTable("logs").set(columns).execute();
}

describe("what people wrote", () => {
  it("is text and nothing else, on every page", async () => {
    const person = { id: "slack:U0EVIL", name: EVIL };
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg1", { person });
    await surface.bot.say("launch stg1", { person });
    await surface.bot.say(`lock stg2 --reason '${EVIL}'`, { person: dev });
    await surface.bot.parts.db.updateTable("steps").set({ detail: EVIL }).execute();
    await rewriteLog(1, { line: EVIL, path: EVIL });
    await signIn();
    await see(slot("stg2")).toContainText(EVIL, PATIENT);
    await see(slot("stg1").locator(".queue")).toContainText(EVIL);
    for (const run of [1, 2]) {
      await page.goto(`${surface.url}/runs/${run}`);
      await see(page.locator(".facts")).toContainText(EVIL, PATIENT);
    }
    await page.goto(`${surface.url}/runs/1`);
    await see(page.locator("#log")).toContainText("<script>window.hacked=1</script>", PATIENT);
    await see(page.locator(".steps")).toContainText(EVIL);
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.evaluate("'hacked' in window")).toBe(false);
    expect(complaints).toEqual([]);
  });

  it("control: a script that stood in a page would not run, and would be noticed", async () => {
    await signIn();
    await see(slot("stg1")).toBeVisible(PATIENT);
    await page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
    }`);
    expect(await page.evaluate("'hacked' in window")).toBe(false);
    await expect.poll(() => complaints.join(), PATIENT).toContain("Content Security Policy");
  });
});

describe("how it looks", () => {
  it.each([
    ["desktop-light", 1280, "light"],
    ["phone-dark", 390, "dark"],
  ] as const)("on %s: nothing sticks out", async (name, width, colorScheme) => {
    const long = "a-very-long-name-without-any-place-to-break-it-".repeat(4);
    await surface.bot.keepSomethingOn("stg1");
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg2", { person: { id: "slack:U0LONG", name: long } });
    await surface.bot.say(`launch stg2 --reason ${long}`, { person: dev2 });
    await rewriteLog(2, { line: long.repeat(5) });
    await visit({ viewport: { width, height: 850 }, colorScheme });
    await signIn();
    await see(slot("stg2")).toContainText(long, PATIENT);
    const sticksOut = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    expect(await sticksOut()).toBeLessThanOrEqual(0);
    await page.screenshot({ path: join(SCREENSHOTS, `board-${name}.png`), fullPage: true });
    for (const run of [1, 2, 3]) {
      await page.goto(`${surface.url}/runs/${run}`);
      await see(page.locator(".facts")).toBeVisible(PATIENT);
      if (run < 3) await see(page.locator("#log")).toContainText(long, PATIENT);
      expect(await sticksOut()).toBeLessThanOrEqual(0);
      await page.screenshot({ path: join(SCREENSHOTS, `run-${run}-${name}.png`), fullPage: true });
    }
    expect(complaints).toEqual([]);
  });
});
