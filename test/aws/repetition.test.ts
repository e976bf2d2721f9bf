import { expect, it } from "vitest";
import { ec2Answer, error, instancesAnswer } from "./raw-aws.ts";
import { standIn } from "./stand-in.ts";

const stand = standIn();

const ID = "i-0123456789abcdef0";
const PAGE = { body: "<html><body><p>Welcome</body></html>" };
const terminating = ec2Answer(
  "TerminateInstances",
  `<instancesSet><item><instanceId>${ID}</instanceId><currentState><name>shutting-down</name></currentState></item></instancesSet>`,
);

it("an answer that cannot be read is asked for again", async () => {
  stand.aws.answer((_, before) => (before < 2 ? PAGE : terminating));
  expect(await stand.region.cleanup.ec2.terminate(ID)).toEqual({
    kind: "terminating",
    state: "shutting-down",
  });
  expect(stand.aws.count("TerminateInstances")).toBe(3);
});

it("but not for ever", async () => {
  stand.aws.answer(PAGE);
  await expect(stand.region.ec2.terminate(ID)).rejects.toMatchObject({ kind: "garbage", definite: false });
  expect(stand.aws.count("TerminateInstances")).toBe(3);
});

it("and the waiting for it ends with the caller's wish", async () => {
  stand.aws.answer(PAGE);
  const cancel = new AbortController();
  const asked = stand.region.ec2.terminate(ID, { signal: cancel.signal });
  setTimeout(() => cancel.abort(new Error("no longer wanted")), 100);
  await expect(asked).rejects.toThrow("no longer wanted");
});

it("“not found” about instances that are looked for says that they are not shown", async () => {
  stand.aws.answer(error("InvalidInstanceID.NotFound", `The instance ID '${ID}' does not exist`, 400));
  expect(await stand.region.ec2.findInstances([ID])).toEqual(new Map());
  stand.aws.answer(instancesAnswer([{ id: ID, state: "running" }]));
  expect([...(await stand.region.ec2.findInstances([ID])).keys()]).toEqual([ID]);
});
