#!/usr/bin/env node
// Plain JavaScript, so that any Node can read it: it finds a Node that can run the rest, and hands over.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const args = process.argv.slice(2);

if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import("./main.ts").then((cli) => cli.main(args));
} else {
  // better-sqlite3 ends in a segmentation fault under an older Node, without a word.
  const bundled = join(root, "node_modules", ".bin", "node");
  if (!existsSync(bundled)) {
    console.error(
      `Slipway needs Node 24 or newer; this is ${process.version}. Run "npm ci" here, or install Node 24.`,
    );
    process.exit(2);
  }
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...args], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
