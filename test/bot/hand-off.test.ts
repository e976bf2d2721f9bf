import { describe, expect, test } from "vitest";
import { handOffBy } from "../../src/bot/hand-off.ts";
import { CONFIG, loaded } from "../support/bot.ts";

const MINUTE = 60_000;
const turn = {
  resource: "stg1",
  requestedBy: { id: "slack:U0DEV", name: "Dev" },
  via: "slack",
  waitedMs: 30 * MINUTE,
};

function offered(change: Partial<typeof turn> = {}, more = ""): number | null {
  const { config } = loaded(`${CONFIG}${more}`);
  return handOffBy(() => config)({ ...turn, ...change });
}

const of = (id: string) => ({ requestedBy: { id, name: id } });

describe("a turn is offered", () => {
  test("to whoever has waited long and can be asked", () => {
    expect(offered()).toBe(5 * MINUTE);
    expect(offered({ waitedMs: 30 * MINUTE - 1 })).toBe(null);
    expect(offered({ ...of("github:DevHub"), via: "github" })).toBe(5 * MINUTE);
  });

  test.each([
    ["nobody in Slack", of("github:stranger")],
    ["an operator", { ...of("terminal:ops"), via: "terminal" }],
    ["a merge", { via: "merge" }],
    ["somebody whose id is none of Slack's", of("slack:<!channel>")],
  ])("not to %s", (_, change) => {
    expect(offered(change)).toBe(null);
  });

  test("by the configuration's times", () => {
    const queue = "queue: { offerAfter: 2h, offerFor: 90s }\n";
    expect(offered({ waitedMs: 119 * MINUTE }, queue)).toBe(null);
    expect(offered({ waitedMs: 120 * MINUTE }, queue)).toBe(90_000);
    expect(offered({ waitedMs: 9_000 * MINUTE }, "queue: { offerAfter: never }\n")).toBe(null);
  });
});
