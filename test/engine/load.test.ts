import { afterEach, describe, expect, it } from "vitest";
import { TestEngine } from "../support/engine.ts";
import { named, Things } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

describe("many runs at once", () => {
  it("do not keep the event loop from going round between their transactions", {
    timeout: 60_000,
  }, async () => {
    const things = new Things();
    const play = named(async (run) => {
      await things.make(run, "thing", `t-${run.id}`);
      for (let index = 0; index < 5; index++) await run.step(`S${index}`, async () => index);
    });
    opened = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
    const slots = Array.from({ length: 60 }, (_, index) => `stg${index}`);
    let turns = 0;
    let going = true;
    const turn = () => {
      turns++;
      if (going) setImmediate(turn);
    };
    const runs = await Promise.all(slots.map((slot) => opened?.submit("play", slot)));
    turn();
    while (opened.engine.activeRuns > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    going = false;
    for (const run of runs) if (run) expect((await opened.ended(run.id)).state).toBe("succeeded");
    expect(things.exist.size).toBe(0);
    // Over a thousand transactions: handed on without a pause they would be a handful of turns.
    expect(turns).toBeGreaterThan(60);
  });
});
