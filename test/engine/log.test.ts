import { afterEach, describe, expect, it } from "vitest";
import { pruneLogs } from "../../db/logs.ts";
import { TestEngine } from "../support/engine.ts";
import { named, pause } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

describe("a run's log", () => {
  const lines = 5_000;
  const play = named(async (run) => {
    await run.step("Talk", async ({ log }) => {
      for (let index = 0; index < lines; index++) {
        log(`line ${index}`);
        if (index % 1_000 === 0) await pause(5);
      }
      log("x".repeat(100_000));
    });
  });

  it("has every line once, in order, in pages, and is whole when its run has ended", async () => {
    const engine = await TestEngine.open({ pipelines: [play] });
    const { id } = await engine.submit("play", "stg1");
    await engine.ended(id);
    // Read by the next process: what the run said before its end was written by then.
    await engine.close();
    opened = await TestEngine.open({ pipelines: [play], file: engine.file });
    const read: string[] = [];
    let longest = 0;
    for (let afterSeq = 0; ; ) {
      const page = await opened.engine.log(id, { afterSeq, path: "Talk", limit: 999 });
      for (const { line } of page) {
        longest = Math.max(longest, line.length);
        if (line.startsWith("line ")) read.push(line);
      }
      const last = page.at(-1);
      if (!last) break;
      afterSeq = last.seq;
    }
    expect(read).toEqual(Array.from({ length: lines }, (_, index) => `line ${index}`));
    expect(longest).toBeLessThan(17_000);
  });

  it("is pruned when its run ended long ago, and only then", async () => {
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    const { endedAt } = await opened.ended(id);
    expect(await pruneLogs(opened.db, endedAt ?? 0)).toBe(0);
    expect(await pruneLogs(opened.db, (endedAt ?? 0) + 1)).toBe(lines + 1);
    expect(await opened.engine.run(id)).not.toBeNull();
  });
});
