import { afterEach, describe, expect, it } from "vitest";
import { readLog } from "../../db/logs.ts";
import { LAST_LINES, MOST_OF_RUN, MOST_OF_STEP, StepLog } from "../../src/engine/log-cap.ts";
import { TestEngine } from "../support/engine.ts";
import { gate, named, pause, until, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

const line = (index: number, size = 1_000) => `${index} `.padEnd(size - 1, "x");
const number = (text: string) => Number(text.split(" ", 1)[0]);
const LEFT_OUT = /^… ([\d,]+) lines?, .* left out/;

async function linesOf(engine: TestEngine, runId: number, path: string) {
  return (await readLog(engine.db, runId, { path, limit: 1_000_000 })).map((row) => row.line);
}

/** What the gap's line says, and that what stands around it is the first part and the last lines, whole. */
function judge(lines: readonly string[], said: number) {
  const at = lines.findIndex((text) => LEFT_OUT.test(text));
  const first = lines.slice(0, at).map(number);
  const last = lines.slice(at + 1).map(number);
  expect(first).toEqual(first.map((_, index) => index));
  expect(last).toEqual(last.map((_, index) => said - last.length + index));
  const leftOut = Number(LEFT_OUT.exec(lines[at] ?? "")?.[1]?.replaceAll(",", ""));
  expect(leftOut).toBe(said - first.length - last.length);
  return { first: first.length, last: last.length };
}

describe("what is kept of much output", () => {
  const said = 6_000;

  it("is the first part, one line that tells how much was left out, and the last lines", async () => {
    const play = named(async (run) => {
      await run.step("Talk", async ({ log }) => {
        for (let index = 0; index < said; index++) {
          log(line(index));
          if (index % 700 === 0) await pause(5);
        }
      });
      await run.step("Say little", async ({ log }) => log("done"));
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    const lines = await linesOf(opened, id, "Talk");
    expect(judge(lines, said)).toEqual({ first: Math.floor(MOST_OF_STEP / 1_000), last: LAST_LINES });
    expect(await linesOf(opened, id, "Say little")).toEqual(["done"]);
    const [gap, ...more] = await opened.engine.logGaps(id);
    expect(gap?.line).toMatch(LEFT_OUT);
    expect(more).toEqual([]);
  });

  it("moves with the output: who follows sees the newest and every jump, and each line once", async () => {
    const { opened: goOn, open } = gate();
    const play = named(async (run) => {
      await run.step("Talk", async ({ log, signal }) => {
        for (let index = 0; index < 3_000; index++) log(line(index));
        await Promise.race([goOn, untilStopped(signal)]);
        for (let index = 3_000; index < 3_600; index++) {
          log(line(index));
          if (index % 50 === 0) await pause(20);
        }
      });
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const engine = opened;
    const { id } = await engine.submit("play", "stg1");
    const seen: string[] = [];
    let afterSeq = 0;
    const follow = async () => {
      const page = await engine.engine.log(id, { afterSeq, limit: 10_000 });
      seen.push(...page.map((row) => row.line));
      afterSeq = page.at(-1)?.seq ?? afterSeq;
    };
    await until(async () => {
      await follow();
      return number(seen.at(-1) ?? "") === 2_999;
    });
    expect(judge(seen, 3_000).last).toBe(LAST_LINES);
    open();
    await until(async () => {
      await follow();
      return number(seen.at(-1) ?? "") === 3_599;
    });
    await engine.ended(id);
    const numbers = seen.map(number).filter((value) => !Number.isNaN(value));
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const [index, text] of seen.entries()) {
      const [before, after] = [number(seen[index - 1] ?? "-1"), number(text)];
      if (LEFT_OUT.test(text) || LEFT_OUT.test(seen[index - 1] ?? "")) continue;
      expect(after).toBe(before + 1);
    }
    expect(judge(await linesOf(engine, id, "Talk"), 3_600).last).toBe(LAST_LINES);
  });

  it("is less for each further step once the run has said all it may", async () => {
    const steps = 13;
    const each = 2_050;
    const play = named(async (run) => {
      for (let step = 0; step < steps; step++) {
        await run.step(`Talk ${step}`, async ({ log }) => {
          for (let index = 0; index < each; index++) log(line(index));
        });
      }
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    expect(await linesOf(opened, id, "Talk 0")).toHaveLength(each);
    expect(judge(await linesOf(opened, id, `Talk ${steps - 1}`), each)).toEqual({
      first: 0,
      last: LAST_LINES,
    });
    const all = await readLog(opened.db, id, { limit: 1_000_000 });
    const bytes = all.reduce((sum, row) => sum + row.line.length + 1, 0);
    expect(bytes).toBeLessThan(MOST_OF_RUN + steps * LAST_LINES * 1_100);
    expect(bytes).toBeGreaterThan(MOST_OF_RUN * 0.9);
  });

  it("is no more after a restart: the next process goes on where the last one stopped", async () => {
    let from = 0;
    const said = gate();
    const play = named(async (run) => {
      await run.step("Talk", async ({ log, signal }) => {
        const begin = from;
        for (let index = begin; index < begin + 4_000; index++) log(line(index));
        from = begin + 4_000;
        if (begin > 0) return;
        said.open();
        await untilStopped(signal);
      });
    });
    const engine = await TestEngine.open({ pipelines: [play] });
    const { id } = await engine.submit("play", "stg1");
    await said.opened;
    await engine.close();
    opened = await TestEngine.open({ pipelines: [play], file: engine.file });
    await opened.ended(id);
    expect(judge(await linesOf(opened, id, "Talk"), 8_000)).toEqual({
      first: Math.floor(MOST_OF_STEP / 1_000),
      last: LAST_LINES,
    });
  });

  it("tells of what was passed over unread, before the lines that came after it", async () => {
    const play = named(async (run) => {
      await run.step("Talk", async ({ log, leaveOut }) => {
        log("first");
        leaveOut(4_000_000_000);
        log("second");
        await pause(400);
        leaveOut(200_000_000);
        log("last");
      });
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    expect(await linesOf(opened, id, "Talk")).toEqual([
      "first",
      expect.stringMatching(/^… 4\.2 GB of output left out/),
      "last",
    ]);
  });
});

describe("the bookkeeping of the last lines", () => {
  /** The same pseudo-random numbers for each seed. */
  const numbers = (seed: number) => {
    let last = seed;
    return () => {
      last = (last * 1_103_515_245 + 12_345) % 2 ** 31;
      return last / 2 ** 31;
    };
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "agrees with what is written, through failed writes and lines that come during one (seed %i)",
    (seed) => {
      const random = numbers(seed);
      const step = new StepLog(1, "Talk", { used: MOST_OF_RUN });
      const rows = new Map<number, string>();
      let next = 1;
      let said = 0;
      const say = (most: number) => {
        const count = Math.floor(random() * most);
        for (let n = 0; n < count; n++)
          expect(step.add({ runId: 1, path: "Talk", at: 0, line: line(said++, 100) })).toBe(false);
      };
      const write = (mayFail: boolean) => {
        const taken = step.take();
        if (taken === null) return;
        // A write takes its time, and lines come meanwhile.
        if (mayFail) say(300);
        if (mayFail && random() < 0.3) return taken.failed();
        const { remove, gap, insert } = taken.change;
        for (const seq of remove) rows.delete(seq);
        const gapSeq = gap === null ? null : (gap.seq ?? next++);
        if (gap !== null && gapSeq !== null) rows.set(gapSeq, `… ${gap.lines} lines, ${gap.bytes} left out`);
        const seqs = insert.map(() => next++);
        for (const [index, { line }] of insert.entries()) rows.set(seqs[index] ?? 0, line);
        taken.done({ gapSeq, seqs });
      };
      say(150);
      for (let round = 0; round < 60; round++) {
        say(random() < 0.5 ? 20 : 500);
        write(true);
      }
      write(false);
      write(false);
      const stored = [...rows].sort(([a], [b]) => a - b).map(([, text]) => text);
      expect(judge(stored, said)).toEqual({ first: 0, last: LAST_LINES });
    },
  );
});
