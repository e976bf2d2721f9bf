import { defineConfig } from "vitest/config";

/**
 * Suites that start whole sandboxes and several bots, after everything else. They mostly wait (a third of a processor
 * each), and each sandbox claims addresses and ports of its own, so two stand side by side.
 */
const WHOLE = ["test/crash/**/*.test.ts", "test/trials/**/*.test.ts", "test/sandbox/**/*.test.ts"];

export default defineConfig({
  test: {
    reporters: ["default", "./test/setup/closing-line.ts"],
    globalSetup: ["test/setup/machine.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: WHOLE,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "whole",
          include: WHOLE,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
