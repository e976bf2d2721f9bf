import { describe, expect, test } from "vitest";
import {
  FieldMissing,
  fillAll,
  fillFields,
  formatDuration,
  parseDuration,
  parseWindow,
} from "../../src/config/index.ts";

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["90s", 90_000],
    ["15m", 900_000],
    ["4h", 14_400_000],
    ["2d", 172_800_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["0s", 0],
  ])("%s is %d ms", (written, milliseconds) => {
    expect(parseDuration(written)).toBe(milliseconds);
  });

  test.each(["", "4", "h", "4 h", "-4h", "4H", "4hours", "30m1h", "1e3s", "four", "1h 30m"])(
    "%j is none",
    (written) => {
      expect(parseDuration(written)).toBeUndefined();
    },
  );

  test("are written as short as they can be, and read back the same", () => {
    expect([5_400_000, 90_000, 250, 0, 172_800_000].map(formatDuration)).toEqual([
      "1h30m",
      "1m30s",
      "250ms",
      "0s",
      "2d",
    ]);
    for (let exponent = 0; exponent < 32; exponent++) {
      const value = 2 ** exponent + exponent;
      expect(parseDuration(formatDuration(value))).toBe(value);
    }
  });
});

describe("fields", () => {
  const values = { sha: "abc123", slot: "stg1", pr: 7 };

  test("are filled wherever they stand", () => {
    expect(fillFields("{slot}/{sha}/{sha}?pr={pr}", values)).toBe("stg1/abc123/abc123?pr=7");
    expect(fillAll({ A: "{slot}", B: "plain" }, values)).toEqual({ A: "stg1", B: "plain" });
  });

  test("leave other braces alone", () => {
    const text = `\${sha} {{ sha }} {{sha}} {a,b} {} {unknown} { print }`;
    expect(fillFields(text, values)).toBe(text);
  });

  test("of which the run has none stop it by name", () => {
    expect(() => fillFields("v{tag}", values)).toThrow(FieldMissing);
    expect(() => fillFields("v{tag}", { ...values, tag: "" })).toThrow(/needs \{tag\}/);
  });

  test("are not looked for in what was filled in", () => {
    expect(fillFields("{branch}", { branch: "{sha}", sha: "x" })).toBe("{sha}");
  });
});

describe("windows", () => {
  test("are parts of a week", () => {
    expect(parseWindow("Mon-Thu 09:00-17:00")).toMatchObject({
      days: ["Mon", "Tue", "Wed", "Thu"],
      from: 540,
      until: 1020,
    });
    expect(parseWindow("Sat,Sun 10:00-24:00")).toMatchObject({ days: ["Sat", "Sun"], until: 1440 });
    expect(parseWindow("Fri-Mon 00:00-01:30")?.days).toEqual(["Fri", "Sat", "Sun", "Mon"]);
  });

  test.each([
    "Mon",
    "Mon 9-17",
    "Mon 09:00-25:00",
    "Mon 09:60-10:00",
    "Mon 17:00-09:00",
    "mon 09:00-10:00",
    "Xyz 09:00-10:00",
    "Mon-Tue-Wed 09:00-10:00",
  ])("%j is none", (written) => {
    expect(parseWindow(written)).toBeUndefined();
  });
});
