import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Patch } from "../crash/support/versions.ts";
import { type FaultCase, playFault } from "./support/fault-matrix.ts";
import { Stand } from "./support/stand.ts";

/** Each takes one precaution out of the bot, and the trials must see it. */
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterAll(() => stand.close(), 60_000);

const LAUNCH_STEP = "src/pipelines/steps/instance.ts";
const site = { slot: "stg1", skip: 0, phase: "launch" } as const;

interface Control {
  readonly what: string;
  readonly patch: Patch;
  readonly fault: FaultCase;
  readonly seen: RegExp;
}

const CONTROLS: readonly Control[] = [
  {
    what: "another client token for each try",
    patch: {
      file: LAUNCH_STEP,
      find: "region.ec2.runInstance(owed.facts.request,",
      replace: "region.ec2.runInstance({ ...owed.facts.request, clientToken: String(Math.random()) },",
    },
    fault: { ...site, action: "ec2:RunInstances", mode: "error-after" },
    seen: /launched 2 instances/,
  },
  {
    what: "an unreadable answer taken for the last word",
    patch: { file: "src/cloud/call.ts", find: "GARBAGE_ATTEMPTS = 3", replace: "GARBAGE_ATTEMPTS = 1" },
    fault: { ...site, action: "ec2:DescribeImages", mode: "garbage" },
    seen: /aws_unreadable_answer/,
  },
  {
    what: "“not found” believed of a new instance",
    patch: { file: "src/cloud/ec2-instances.ts", find: ".catch(notShown)", replace: "" },
    fault: { ...site, action: "ec2:DescribeInstances", mode: "notfound" },
    seen: /aws_not_found/,
  },
  {
    what: "a rule called closed when AWS failed to close it",
    patch: {
      file: "src/pipelines/owed/ingress.ts",
      find: "await ec2.closeIngress({ groupId: facts.groupId, ruleId }, watched(context))",
      replace: 'await Promise.resolve({ kind: "closed" })',
    },
    fault: { ...site, action: "ec2:DescribeImages", mode: "throttle" },
    seen: /left in the cloud: rules/,
  },
];

describe("a bot without one precaution is found out", () => {
  it.each(CONTROLS)("$what", async ({ patch, fault, seen }) => {
    await stand.renew([patch]);
    expect((await playFault(stand, fault)).wrong.join("\n")).toMatch(seen);
  });

  it("a launch struck out because of a refusal that came after a lost answer", async () => {
    await stand.renew([{ file: LAUNCH_STEP, find: "if (!unsure && ", replace: "if (" }]);
    stand.trial.begin();
    await stand.control("faults", [
      { action: "ec2:RunInstances", mode: "error-after" },
      { action: "ec2:RunInstances", mode: "error-before", code: "UnauthorizedOperation" },
    ]);
    await stand.ended((await stand.begin("launch stg1 --tests none")).id);
    expect((await stand.trial.audit({ state: "failed" })).join("\n")).toMatch(/left in the cloud: instances/);
  });
});

describe("and a whole one is not", () => {
  it.each(CONTROLS)("$what", async ({ fault }) => {
    await stand.renew();
    expect((await playFault(stand, fault)).wrong).toEqual([]);
  });
});
