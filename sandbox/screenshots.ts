import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "@playwright/test";
import { runs, waitForRun } from "./client.ts";
import { type Sandbox, startSandbox } from "./supervisor/start.ts";

/** Makes the pictures of README and docs from a running sandbox: `npm run screenshots`. */
const TARGET = join(import.meta.dirname, "..", "docs", "images");
const ENDED = ["succeeded", "failed", "cancelled"];
const PATIENCE = { timeout: 120_000 };
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

const folder = mkdtempSync(join(tmpdir(), "slipway-screenshots-"));
mkdirSync(TARGET, { recursive: true });
const sandbox = await startSandbox({ dir: folder, port: 0 });
const browser = await chromium.launch({
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
  ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
});
try {
  await picturesOf(sandbox, browser);
} finally {
  await browser.close();
  await sandbox.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function picturesOf({ json }: Sandbox, browser: Browser): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await page.goto(json.console);
  await type(page, "/stg launch stg2 --tests none --keep 2h --reason demo");
  await waitForRun(json, 1, ENDED, PATIENCE.timeout);
  await page.getByRole("switch", { name: "A test fails" }).check(PATIENCE);
  await type(page, "/stg launch stg1 --tests chrome --keep 1h");
  await page.locator(".card[data-status=in_progress]", { hasText: "Run the tests" }).waitFor(PATIENCE);
  await page.waitForTimeout(2_500);
  await take(page, "channel");
  await waitForRun(json, 2, ENDED, PATIENCE.timeout);
  const message = page
    .locator("#messages > li")
    .filter({ hasText: /Launch of stg1/ })
    .last();
  await message.locator("button.replies").click(PATIENCE);
  const pane = page.locator("#pane");
  await pane.locator("img").last().waitFor(PATIENCE);
  await pane.locator("img").first().scrollIntoViewIfNeeded();
  await page.waitForTimeout(1_000);
  await take(page, "thread");
  await page.keyboard.press("Escape");
  await page.getByRole("navigation").getByRole("button", { name: "Home" }).click();
  await page.locator("#home h3").first().waitFor(PATIENCE);
  await take(page, "home");
  await dashboard(browser, json);
}

async function dashboard(browser: Browser, json: Sandbox["json"]): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 1000 },
    extraHTTPHeaders: { authorization: `Bearer ${json.dashboardToken}` },
  });
  const newest = (await runs(json))[0]?.id ?? 1;
  await page.goto(`${json.bot}/runs/${newest}`);
  await page.waitForTimeout(1_500);
  await take(page, "run");
}

async function type(page: Page, line: string): Promise<void> {
  await page.locator("#entry").fill(line);
  await page.keyboard.press("Enter");
}

async function take(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(TARGET, `${name}.png`) });
  console.log(`docs/images/${name}.png`);
}
