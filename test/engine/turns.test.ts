import { describe, expect, it } from "vitest";
import { inTurn } from "../../src/engine/turns.ts";
import { ann, bob } from "../support/engine.ts";

const carl = { id: "slack:U0CARL", name: "Carl" };
const SLOT = ["stg1"];
const waits = (name: string, requestedBy: typeof ann, leaves: "held" | "free", candidates = SLOT) => ({
  name,
  requestedBy,
  leaves,
  candidates,
});
const names = (turns: readonly { name: string }[]) => turns.map(({ name }) => name);

describe("whose turn it is", () => {
  const queue = [
    waits("bob 1", bob, "free"),
    waits("ann 1", ann, "free"),
    waits("carl", carl, "held"),
    waits("bob 2", bob, "free"),
    waits("ann 2", ann, "free"),
    waits("carl anywhere", carl, "free", ["stg1", "stg2"]),
    waits("carl 2", carl, "free"),
  ];

  it("is as they came where nothing is held, and nobody keeps anything", () => {
    const free = queue.map((entry) => ({ ...entry, leaves: "free" as const }));
    expect(inTurn(free, null)).toEqual(free);
  });

  it("is the holder's first, until they keep nothing any more; whoever keeps something is a holder then", () => {
    expect(names(inTurn(queue, { id: ann.id, isLock: false }))).toEqual([
      "ann 1",
      "bob 1",
      "carl",
      "carl 2",
      "bob 2",
      "ann 2",
      "carl anywhere",
    ]);
  });

  it("is the holder's for all of theirs while it is locked for them", () => {
    expect(names(inTurn(queue, { id: ann.id, isLock: true })).slice(0, 3)).toEqual([
      "ann 1",
      "ann 2",
      "bob 1",
    ]);
  });
});
