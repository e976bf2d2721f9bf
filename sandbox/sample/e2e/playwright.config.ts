import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

/**
 * The sample application's suite. It knows nothing of the bot: BASE_URL says where the application is,
 * TEST_USER and TEST_PASSWORD who signs in.
 *
 * `chrome` takes a Chromium that the machine already has, else Playwright's own. The other three are tried as
 * Playwright finds them, and are reported as not run where they are not installed.
 */
const installedChromium = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find((path) => existsSync(path));

// Chromium's own sandbox refuses to start for root, which is who runs in most containers.
const asRoot = process.getuid?.() === 0;
const chromiumOptions = {
  args: asRoot ? ["--no-sandbox", "--disable-dev-shm-usage"] : [],
  ...(installedChromium === undefined ? {} : { executablePath: installedChromium }),
};

export default defineConfig({
  testDir: "./tests",
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  timeout: 20_000,
  expect: { timeout: 5_000 },
  use: {
    baseURL: process.env.BASE_URL ?? "http://127.0.0.1:8080",
    screenshot: "only-on-failure",
    trace: "off",
    actionTimeout: 5_000,
    navigationTimeout: 10_000,
  },
  projects: [
    { name: "chrome", use: { browserName: "chromium", launchOptions: chromiumOptions } },
    { name: "firefox", use: { browserName: "firefox" } },
    { name: "safari", use: { browserName: "webkit" } },
    { name: "edge", use: { browserName: "chromium", channel: "msedge" } },
  ],
});
