import { expect, test } from "@playwright/test";
import { signIn } from "../sign-in.ts";

test.describe("sign in", () => {
  test("the test user gets in", async ({ page }) => {
    await signIn(page);
    await expect(page.getByRole("heading", { name: "Notes" })).toBeVisible();
  });

  test("a wrong password is refused", async ({ page }) => {
    await signIn(page, { password: "not-the-password" });
    await expect(page.getByRole("alert")).toContainText("Wrong name or password");
  });
});
