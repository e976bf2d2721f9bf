import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { LineSplitter, LONGEST_LINE } from "../../src/remote/index.ts";

/** The lines of some bytes, cut into chunks of the given sizes. */
function linesOf(bytes: Buffer, size: () => number): { lines: string[]; offsets: number[] } {
  const lines: string[] = [];
  const offsets: number[] = [];
  const splitter = new LineSplitter(0, (line, next) => {
    lines.push(line);
    offsets.push(next);
  });
  for (let at = 0; at < bytes.length; ) {
    const length = size();
    splitter.push(bytes.subarray(at, at + length));
    at += length;
  }
  splitter.end();
  return { lines, offsets };
}

const split = (text: string | Buffer, size = 1) => linesOf(Buffer.from(text), () => size).lines;

it("gives the same lines however the bytes are cut", () => {
  const text = "Grüße €\n\n🛳 Schiff\r\nprogress 10%\rprogress 100%\nlast without end";
  const expected = ["Grüße €", "", "🛳 Schiff", "progress 100%", "last without end"];
  for (let size = 1; size < 20; size++) expect(split(text, size)).toEqual(expected);
  for (let round = 0; round < 50; round++) {
    expect(linesOf(Buffer.from(text), () => randomInt(1, 12)).lines).toEqual(expected);
  }
});

it("gives offsets from which the rest can be read", () => {
  const bytes = Buffer.from("eins\nzwei €\ndrei\r\nvier\n");
  const { lines, offsets } = linesOf(bytes, () => 3);
  offsets.forEach((offset, index) => {
    expect(split(bytes.subarray(offset))).toEqual(lines.slice(index + 1));
  });
});

it("cuts a very long line, keeps nothing of the rest, and goes on", () => {
  const [long, next] = split(`${"x".repeat(5_000_000)}\nnext\n`, 60_000);
  expect(long).toBe(`${"x".repeat(LONGEST_LINE)} … [${5_000_000 - LONGEST_LINE} bytes cut]`);
  expect(next).toBe("next");
});

it("does not cut within a character", () => {
  const [line] = split(`x${"€".repeat(LONGEST_LINE)}\n`, 1_000);
  expect(line).not.toContain("\ufffd");
});

it("makes readable text of bytes that are none", () => {
  expect(split(Buffer.from([0x61, 0x00, 0xff, 0x62, 0x0a]))).toEqual(["a\ufffdb"]);
  expect(split("\x1b[31mred\x1b[0m \x1b]0;title\x07plain\x07\n", 4)).toEqual(["red plain"]);
});
