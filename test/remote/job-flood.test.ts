import { expect, it } from "vitest";
import { type JobSpec, jobId, LineSplitter, startOrJoin } from "../../src/remote/index.ts";
import { MACHINES } from "./support/transports.ts";

let number = 0;
const spec = (script: string): JobSpec => ({
  id: jobId(`flood of process ${process.pid}`, "step", ++number),
  script,
  timeoutMs: 120_000,
});

const MB = 1_000_000;
/** 99 bytes and a line break. */
const LINE = "y".repeat(99);

/** Follows, and tells how much came, how much was passed over, and whether every line came whole. */
async function followed(transport: Parameters<typeof startOrJoin>[0], one: JobSpec) {
  const job = await startOrJoin(transport, one);
  let read = 0;
  let skipped = 0;
  let end = 0;
  const odd: string[] = [];
  const result = await job.follow({
    onLine: (line, nextOffset) => {
      read += line.length + 1;
      end = nextOffset;
      if (line !== LINE) odd.push(line);
    },
    onSkip: (bytes) => {
      skipped += bytes;
    },
  });
  return { read, skipped, end, odd, result };
}

it.each(MACHINES)(
  "of a flood on %s the first part and the end are read, and the rest is passed over",
  async (_, machine) => {
    const { transport } = await machine();
    const one = spec(`yes ${LINE} | head -c ${200 * MB}; echo near; echo the end; exit 3`);
    const { read, skipped, end, odd, result } = await followed(transport, one);
    expect(odd).toEqual(["near", "the end"]);
    expect(end).toBe(200 * MB + 13);
    // At each place where it was passed over, the rest of one line is left out too.
    const unaccounted = end - read - skipped;
    expect(unaccounted).toBeGreaterThanOrEqual(0);
    expect(unaccounted).toBeLessThan(20 * LINE.length);
    expect(read).toBeGreaterThan(4 * MB);
    expect(skipped).toBeGreaterThan(100 * MB);
    expect(result).toMatchObject({ exitCode: 3 });
    expect(result.tail.slice(-3)).toEqual([LINE, "near", "the end"]);
    // Who follows it again, after a restart, sees the same end.
    expect((await followed(transport, one)).result).toEqual(result);
  },
  120_000,
);

it.each(MACHINES)(
  "of more output than the first part on %s nothing is passed over when it can be followed",
  async (_, machine) => {
    const { transport } = await machine();
    const { read, skipped, end, odd } = await followed(
      transport,
      spec(
        `yes ${LINE} | head -c ${4 * MB}; for i in 1 2 3; do yes ${LINE} | head -c ${MB / 4}; sleep 1; done; echo over`,
      ),
    );
    expect({ read, skipped, odd }).toEqual({ read: 4.75 * MB + 5, skipped: 0, odd: ["over"] });
    expect(end).toBe(read);
  },
  120_000,
);

it("no half of a line is passed on where output is passed over", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter(0, (line) => lines.push(line));
  splitter.push(Buffer.from("one\npass"));
  expect(splitter.skipTo(100)).toBe(100 - 8 + 4);
  splitter.push(Buffer.from("word=secret"));
  splitter.push(Buffer.from("\ntwo\n"));
  splitter.skipTo(200);
  splitter.push(Buffer.from("rest of a line that never ended"));
  splitter.end();
  expect(lines).toEqual(["one", "two"]);
  // Control: without a jump the last line, which has no end, counts.
  splitter.push(Buffer.from("\nlast"));
  splitter.end();
  expect(lines).toEqual(["one", "two", "last"]);
});
