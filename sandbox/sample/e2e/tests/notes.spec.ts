import { expect, test } from "@playwright/test";
import { signIn } from "../sign-in.ts";

test.describe("notes", () => {
  test("a note is added and deleted again", async ({ page }, testInfo) => {
    // Several browsers use one application at the same time: each needs a note of its own.
    const note = `note of ${testInfo.project.name} ${testInfo.testId} ${testInfo.retry}`;
    await signIn(page);
    await page.getByLabel("New note").fill(note);
    await page.getByRole("button", { name: "Add" }).click();
    const item = page.getByRole("listitem").filter({ hasText: note });
    await expect(item).toBeVisible();
    await item.getByRole("button", { name: "Delete" }).click();
    await expect(item).toHaveCount(0);
  });

  test("nobody reads the notes without signing in", async ({ page }) => {
    await page.goto("/notes");
    await expect(page).toHaveURL(/\/sign-in/);
  });
});
