import { describe, expect, it } from "vitest";
import { namedFailures } from "../../src/testing/index.ts";

interface Failure {
  readonly browser: string;
  readonly title: string;
  readonly screenshot?: { readonly path: string; readonly bytes: number; readonly type: string };
}

function failures(browser: string, count: number): Failure[] {
  return Array.from({ length: count }, (_, index) => ({ browser, title: `${browser} ${index}` }));
}

const PICTURE = { path: "a.png", bytes: 1, type: "image/png" };
const named = (all: readonly Failure[], most: number) => namedFailures(all as never[], most) as Failure[];
const titles = (all: readonly Failure[]) => all.map(({ title }) => title);

describe("of many failures", () => {
  it("all are named when there is room", () => {
    const all = [...failures("chrome", 3), ...failures("firefox", 2)];
    expect(titles(named(all, 5))).toEqual(titles(all));
  });

  it("each browser has its share, and what one leaves is the others'", () => {
    const all = [...failures("chrome", 300), ...failures("edge", 2), ...failures("firefox", 300)];
    const counts = Map.groupBy(named(all, 100), ({ browser }) => browser);
    expect([...counts].map(([browser, own]) => [browser, own.length])).toEqual([
      ["chrome", 49],
      ["edge", 2],
      ["firefox", 49],
    ]);
    // The control: the first hundred are one browser's alone.
    expect(new Set(all.slice(0, 100).map(({ browser }) => browser)).size).toBe(1);
  });

  it("one with a screenshot is named wherever it stands, in its place", () => {
    const all = failures("chrome", 300).concat({ browser: "chrome", title: "last", screenshot: PICTURE });
    const chosen = titles(named(all, 10));
    expect(chosen).toHaveLength(10);
    expect(chosen.at(-1)).toBe("last");
    expect(titles(named(failures("chrome", 301), 10)).at(-1)).toBe("chrome 9");
  });
});
