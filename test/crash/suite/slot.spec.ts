import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { note } from "./note.ts";

const USUAL_MS = 800;

test("the slot's page is there, for a while", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  note("begin browsing");
  const file = `${process.env.TALLY}.ms`;
  await page.waitForTimeout(existsSync(file) ? Number(readFileSync(file, "utf8")) : USUAL_MS);
  note("end browsing");
});

test("the slot is well", async ({ request }) => {
  expect((await request.get("/health")).status()).toBe(200);
});
