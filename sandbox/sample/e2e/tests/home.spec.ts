import { expect, test } from "@playwright/test";

test("the home page names the application", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: "Sign in" })).toBeVisible();
});

test("the health address answers with a version", async ({ request }) => {
  const answer = await request.get("/health");
  expect(answer.status()).toBe(200);
  expect(await answer.json()).toEqual(expect.objectContaining({ version: expect.stringMatching(/\S/) }));
});
