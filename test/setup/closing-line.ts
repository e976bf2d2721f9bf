import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/**
 * Prints what a test failed of as soon as it has failed: a run that is cut off, or a machine that is gone afterwards,
 * must not take the reason with it. And prints one plain closing line, `N passed, N failed, N skipped`. Whatever is not a test but still went
 * wrong (a module that does not load, a crashed worker, an unhandled error) counts as a failure, so that
 * the line can never look better than the run was.
 */
export default class ClosingLine implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state !== "failed") return;
    const told = errors.map((error) => [error.message, error.diff, error.stack].filter(Boolean).join("\n"));
    console.log(`\nFAILED ${test.module.relativeModuleId} > ${test.fullName}\n${told.join("\n")}\n`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0;
    let skipped = 0;
    let failed = unhandled.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const state = (test as TestCase).result().state;
        if (state === "passed") passed++;
        else if (state === "skipped") skipped++;
        else failed++;
      }
    }
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}
