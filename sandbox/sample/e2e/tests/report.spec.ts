import { expect, test } from "@playwright/test";

// The application's monthly report is the feature that misbehaves on demand: see sandbox/sample.
test("the monthly report adds up", async ({ page }) => {
  await page.goto("/report");
  await expect(page.getByRole("heading", { name: "Monthly report" })).toBeVisible();
  await expect(page.getByTestId("total")).toHaveText("42", { timeout: 1_500 });
});
