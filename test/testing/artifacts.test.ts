import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { collectArtifacts, type TestReport } from "../../src/testing/index.ts";
import { temporaryFolder } from "./helpers.ts";

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);

function failing(screenshots: readonly string[], title = "a title"): TestReport {
  return {
    browser: "chrome",
    counts: { passed: 0, failed: screenshots.length, flaky: 0, skipped: 0, notRun: 0 },
    failures: screenshots.map((path, index) => ({
      id: String(index),
      title,
      titles: [title],
      file: "a.spec.ts",
      line: 1,
      column: 1,
      message: "m",
      screenshot: { path },
      retries: 0,
      durationMs: 1,
    })),
    notRun: [],
    flaky: [],
    startedAt: "2026-11-21T00:00:00.000Z",
    durationMs: 1,
    errors: [],
  };
}

function folders(): { output: string; artifacts: string; outside: string } {
  const folder = temporaryFolder();
  const made = {
    output: join(folder, "output"),
    artifacts: join(folder, "artifacts"),
    outside: join(folder, "outside"),
  };
  mkdirSync(join(made.output, "a"), { recursive: true });
  mkdirSync(made.outside);
  writeFileSync(join(made.output, "a/shot.png"), PNG);
  writeFileSync(join(made.outside, "secret.png"), PNG);
  return made;
}

test("a screenshot is copied under a name of our own, with its size", async () => {
  const made = folders();
  const path = join(made.output, "a/shot.png");
  const { report, refused } = await collectArtifacts(
    failing([path], "../../../Ünsafe; rm -rf $HOME\n"),
    made,
  );
  expect(refused).toEqual([]);
  const copy = join(made.artifacts, "chrome-001-u-nsafe-rm-rf-home.png");
  expect(report.failures[0]?.screenshot).toEqual({ path: copy, bytes: PNG.length });
  expect(readFileSync(copy)).toEqual(PNG);
});

test("what leads out of the output folder, or is no picture, is refused and told", async () => {
  const made = folders();
  const inside = (name: string) => join(made.output, name);
  symlinkSync(join(made.outside, "secret.png"), inside("link.png"));
  symlinkSync(made.outside, inside("folder"));
  linkSync(join(made.outside, "secret.png"), inside("hard.png"));
  writeFileSync(inside("text.png"), "SLACK_BOT_TOKEN=xoxb");
  writeFileSync(inside("large.png"), PNG);
  truncateSync(inside("large.png"), 11 * 1024 * 1024);
  const cases = [
    [inside("link.png"), "it is a symbolic link"],
    [inside("folder/secret.png"), "it is a hard link"],
    [inside("hard.png"), "it is a hard link"],
    [join(made.output, "../outside/other.png"), "it lies outside the output folder"],
    [inside("folder/other.png"), "it lies outside the output folder"],
    [inside("text.png"), "it is no PNG or JPEG"],
    [inside("large.png"), "it is larger than 10 MiB"],
    [inside("a"), "it is no ordinary file"],
    [inside("not-there.png"), "ENOENT"],
  ] as const;
  writeFileSync(join(made.outside, "other.png"), PNG);
  const { report, refused } = await collectArtifacts(failing(cases.map(([path]) => path)), made);
  expect(report.failures.every((failure) => failure.screenshot === undefined)).toBe(true);
  expect(report.failures).toHaveLength(cases.length);
  expect(refused.map(({ path, reason }) => [path, reason])).toEqual(
    cases.map(([path, reason]) => [path, expect.stringContaining(reason)]),
  );
  expect(() => readdirSync(made.artifacts)).toThrow("ENOENT");
});
