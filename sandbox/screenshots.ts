import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "@playwright/test";
import { openChromium } from "./browser.ts";
import { runs, slash, waitForRun } from "./client.ts";
import { goTo, openPage, openThread, runMessage, setSwitch, typeLine } from "./reader.ts";
import { type Sandbox, startSandbox } from "./supervisor/start.ts";

/** Makes the pictures of README and docs from a running sandbox: `npm run screenshots`. */
const TARGET = join(import.meta.dirname, "..", "docs", "images");
const ENDED = ["succeeded", "failed", "cancelled"];
const PATIENT = { timeout: 120_000 };
/** Pictures that are larger make a README slow. */
const LARGEST = 200_000;
const SIDE_WIDTH = 224;

const folder = mkdtempSync(join(tmpdir(), "slipway-screenshots-"));
mkdirSync(TARGET, { recursive: true });
const sandbox = await startSandbox({ dir: folder, port: 0 });
const browser = await openChromium();
try {
  await pictures(sandbox, browser);
} finally {
  await browser.close();
  await sandbox.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function pictures({ json }: Sandbox, browser: Browser): Promise<void> {
  const page = await openPage(browser, json.console, { size: { width: 1280, height: 760 } });
  await slash(json, "developer2", 'lock stg3 --for 4h --reason "demo for sales"');
  await page.getByText("demo for sales").first().waitFor(PATIENT);
  await setSwitch(page, "A test fails", true);
  await typeLine(page, "/stg launch stg1 --tests chrome --keep 2h");
  const message = runMessage(page, "stg1");
  await message.locator(".card[data-status=in_progress]", { hasText: "Run the tests (" }).waitFor(PATIENT);
  await setSwitch(page, "A test fails", false);
  await showFirst(page, page.locator("#messages > li").first());
  await take(page, "channel");
  await waitForRun(json, 1, ENDED, PATIENT.timeout);
  await thread(page);
  await phone(browser, json);
  await goTo(page, "Home");
  await page.locator("#home .block-section", { hasText: "demo for sales" }).waitFor(PATIENT);
  await take(page, "home");
  await dashboard(browser, json);
}

/** A failing test in the thread, with its picture and where the time went. */
async function thread(page: Page): Promise<void> {
  await runMessage(page, "stg1")
    .getByText(/^Failed/)
    .waitFor(PATIENT);
  const pane = await openThread(page, "stg1");
  await pane.locator("img").nth(1).waitFor(PATIENT);
  await loaded(pane);
  await showFirst(page, pane.locator("li", { hasText: "Tests: " }).last(), "#pane-body");
  // Nothing is pointed at.
  await page.mouse.move(0, 0);
  const { width, height } = page.viewportSize() ?? { width: 1280, height: 760 };
  await take(page, "thread", { x: SIDE_WIDTH, y: 0, width: width - SIDE_WIDTH, height });
  await page.keyboard.press("Escape");
}

async function phone(browser: Browser, { console }: Sandbox["json"]): Promise<void> {
  const page = await openPage(browser, console, { size: { width: 390, height: 760 } });
  await runMessage(page, "stg1")
    .getByText(/^Failed/)
    .waitFor(PATIENT);
  await showFirst(page, runMessage(page, "stg1"));
  await take(page, "phone");
}

async function dashboard(browser: Browser, json: Sandbox["json"]): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 1000 },
    extraHTTPHeaders: { authorization: `Bearer ${json.dashboardToken}` },
  });
  const newest = (await runs(json))[0]?.id ?? 1;
  await page.goto(`${json.bot}/runs/${newest}`);
  await page.locator("#log-state", { hasText: "That is all" }).waitFor(PATIENT);
  const top = await page.locator("#log").boundingBox();
  // The log is long, and the same for everyone.
  await take(page, "run", { x: 0, y: 0, width: 1280, height: Math.floor(top?.y ?? 1000) - 50 });
}

/** Nothing above it is cut. */
async function showFirst(page: Page, one: Locator, within = "#scroll"): Promise<void> {
  const scroller = await page.locator(within).boundingBox();
  const box = await one.boundingBox();
  if (!scroller || !box) throw new Error("There is nothing to show.");
  await page.locator(within).evaluate((element, by) => {
    element.scrollTop += by;
  }, box.y - scroller.y);
}

async function loaded(place: Locator): Promise<void> {
  for (const image of await place.locator("img").all()) {
    await image.evaluate((element) => (element as unknown as { decode(): Promise<void> }).decode());
  }
}

async function take(
  page: Page,
  name: string,
  clip?: { x: number; y: number; width: number; height: number },
): Promise<void> {
  const path = join(TARGET, `${name}.png`);
  const fullPage = clip !== undefined && clip.height > (page.viewportSize()?.height ?? 0);
  await page.screenshot({ path, fullPage, animations: "disabled", ...(clip && { clip }) });
  const { size } = statSync(path);
  console.log(`docs/images/${name}.png ${Math.round(size / 1000)} KB`);
  if (size > LARGEST) throw new Error(`${path} has ${size} bytes, more than ${LARGEST}.`);
}
