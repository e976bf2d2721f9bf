import { existsSync } from "node:fs";
import { type Browser, chromium } from "@playwright/test";

const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A real browser without a window: one that the machine has, else Playwright's own. */
export async function openChromium(): Promise<Browser> {
  const executablePath = INSTALLED.find((path) => existsSync(path));
  return await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    // Chromium's own sandbox refuses to start for root.
    args: process.getuid?.() === 0 ? ["--no-sandbox", "--disable-dev-shm-usage"] : [],
    timeout: 60_000,
  });
}
