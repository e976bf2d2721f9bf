import { defineConfig } from "@playwright/test";
import sample from "../../../sandbox/sample/e2e/playwright.config.ts";

/** A suite of two tests that notes when it begins and ends, so that a suite that was begun twice is seen. */
export default defineConfig({
  ...sample,
  testDir: ".",
  timeout: 120_000,
  globalSetup: "./begin.ts",
  globalTeardown: "./end.ts",
});
