// @ts-check
/**
 * Writes what happens, while it happens, as one JSON object a line. It is loaded by the team's own Playwright
 * (1.40 or newer), so it imports nothing but Node and never throws: a full disk must not fail a test.
 *
 * The reader in `../progress.ts` knows the lines; the field `v` is their version.
 */
import { appendFileSync } from "node:fs";

const MESSAGE_LIMIT = 4000;

export default class ProgressReporter {
  /** @type {string | undefined} */
  #file = process.env.SLIPWAY_PROGRESS_FILE;
  #rootDir = "";

  /** Leaves the terminal to Playwright's own reporter, whose output is the job's log. */
  printsToStdio() {
    return false;
  }

  /** @param {any} config @param {any} suite */
  onBegin(config, suite) {
    this.#rootDir = config?.rootDir ?? "";
    const tests = suite.allTests();
    this.#write({ event: "begin", v: 1, total: tests.length, at: Date.now() });
    for (const test of tests) this.#write({ event: "collected", ...this.#nameOf(test) });
  }

  /** @param {any} test @param {any} result */
  onTestBegin(test, result) {
    this.#write({ event: "start", id: test.id, attempt: result.retry, at: Date.now() });
  }

  /** @param {any} test @param {any} result */
  onTestEnd(test, result) {
    const expected = result.status === test.expectedStatus;
    const willRetry = !expected && result.status !== "skipped" && result.retry < test.retries;
    const message = result.error?.message ?? result.error?.value;
    this.#write({
      event: "end",
      id: test.id,
      attempt: result.retry,
      status: result.status,
      outcome: test.outcome(),
      expectedStatus: test.expectedStatus,
      final: !willRetry,
      durationMs: result.duration,
      at: Date.now(),
      ...(message === undefined ? {} : { message: String(message).slice(0, MESSAGE_LIMIT) }),
    });
  }

  /** @param {any} error */
  onError(error) {
    const message = String(error?.message ?? error?.value ?? "unknown error").slice(0, MESSAGE_LIMIT);
    this.#write({ event: "error", message, at: Date.now() });
  }

  /** @param {any} result */
  onEnd(result) {
    this.#write({ event: "finished", status: result?.status, at: Date.now() });
  }

  /** @param {any} test */
  #nameOf(test) {
    const { file, line, column } = test.location;
    // titlePath: "", project, file, describe blocks …, the test's own title.
    const [, project, , ...titles] = test.titlePath();
    return { id: test.id, project, titles, file: relative(this.#rootDir, file), line, column };
  }

  /** @param {object} event */
  #write(event) {
    if (this.#file === undefined) return;
    try {
      appendFileSync(this.#file, `${JSON.stringify(event)}\n`);
    } catch {
      this.#file = undefined;
    }
  }
}

/** @param {string} root @param {string} file */
function relative(root, file) {
  const shorter = root !== "" && file.startsWith(root) ? file.slice(root.length + 1) : file;
  return shorter.replaceAll("\\", "/");
}
