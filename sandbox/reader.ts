/** What a person does on the sandbox's page: for its tests, and for the pictures in the documents. */
import type { Browser, Locator, Page } from "@playwright/test";

const PATIENT = { timeout: 60_000 };
const DESKTOP = { width: 1280, height: 800 };

export type Place = "staging" | "slipway" | "Home" | "Cloud";

/** Opens the page, and waits until there is somebody to act as. `begin` sees it before it is loaded. */
export async function openPage(
  browser: Browser,
  address: string,
  { size = DESKTOP, begin = () => {} }: { size?: typeof DESKTOP; begin?: (page: Page) => void } = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport: size });
  begin(page);
  await page.goto(address);
  await page
    .locator("#who option")
    .first()
    .waitFor({ state: "attached", ...PATIENT });
  return page;
}

export async function typeLine(page: Page, line: string): Promise<void> {
  await page.locator("#entry").fill(line);
  await page.keyboard.press("Enter");
}

export async function actAs(page: Page, person: string): Promise<void> {
  await page.getByRole("radio", { name: new RegExp(`^${person}\\b`) }).check({ force: true });
}

export async function goTo(page: Page, place: Place): Promise<void> {
  await page.getByRole("navigation").getByRole("button", { name: place }).click(PATIENT);
}

/** The message of the newest run on a slot. */
export function runMessage(page: Page, slot: string): Locator {
  return page
    .locator("#messages > li")
    .filter({ hasText: new RegExp(`(Launch|Test) of ${slot}`) })
    .last();
}

/** Opens the thread of the newest run on a slot. */
export async function openThread(page: Page, slot: string): Promise<Locator> {
  await runMessage(page, slot).locator("button.replies").click(PATIENT);
  return page.locator("#pane");
}

export async function setSwitch(page: Page, name: string, on: boolean): Promise<void> {
  await page.getByRole("switch", { name }).setChecked(on, PATIENT);
}
