import type { Page } from "@playwright/test";

/** Signs in as this browser's test user; without one, as the application's own. */
export async function signIn(page: Page, given: { password?: string } = {}): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("Name", { exact: true }).fill(process.env.TEST_USER || "demo");
  await page
    .getByLabel("Password", { exact: true })
    .fill(given.password ?? (process.env.TEST_PASSWORD || "demo"));
  await page.getByRole("button", { name: "Sign in" }).click();
}
