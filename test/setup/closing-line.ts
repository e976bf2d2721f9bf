import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/**
 * Prints one plain closing line, `N passed, N failed, N skipped`. Whatever is not a test but still went
 * wrong (a module that does not load, a crashed worker, an unhandled error) counts as a failure, so that
 * the line can never look better than the run was.
 */
export default class ClosingLine implements Reporter {
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
