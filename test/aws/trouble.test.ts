import { expect, it } from "vitest";
import { Caller } from "../../src/cloud/call.ts";
import { type AwsTrouble, troubleText } from "../../src/cloud/index.ts";
import { ManualTimers } from "./manual-timers.ts";

function asked(send: () => Promise<string>) {
  const timers = new ManualTimers();
  const caller = new Caller({ region: "us-east-1", purpose: "work", deadlineMs: 50_000, timers });
  const told: (AwsTrouble | null)[] = [];
  const answer = caller.call("ec2:DescribeImages", send, { onTrouble: (one) => void told.push(one) });
  return { timers, told, answer };
}

it("a call that stays without an answer is told of, and that it was answered after all", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { timers, told, answer } = asked(() => promise);
  await timers.pass(2_000);
  expect(told).toEqual([]);
  await timers.pass(2_000);
  expect(told).toEqual([{ since: timers.now() - 4_000, fault: undefined }]);
  expect(troubleText(told[0] ?? null)).toMatch(
    /^AWS does not answer since \d\d:\d\d UTC, it is asked again$/,
  );
  resolve("here");
  expect(await answer).toBe("here");
  expect(told.at(-1)).toBeNull();
  expect(timers.pending).toBe(0);
});

it("a call that is answered at once is not (the control)", async () => {
  const { timers, told, answer } = asked(async () => "here");
  expect(await answer).toBe("here");
  await timers.pass(60_000);
  expect(told).toEqual([]);
});
