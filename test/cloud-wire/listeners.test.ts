import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  ModifyListenerCommand,
  ModifyRuleCommand,
  type ModifyRuleCommandInput,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { BalancerRoute } from "../../sandbox/cloud/ports.ts";
import {
  type Account,
  BLUE,
  GREEN,
  launched,
  openAccount,
  RULE,
  refusal,
  TARGET_GROUP,
  until,
} from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(() => account.post("reset"));
afterAll(() => account.close());

const modify = (input: Partial<ModifyRuleCommandInput>) =>
  account.elb.send(new ModifyRuleCommand({ RuleArn: RULE, ...input }));
const forward = (...groups: [string, number][]): Partial<ModifyRuleCommandInput> => ({
  Actions: [
    {
      Type: "forward",
      ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
    },
  ],
});
const route = (name: string, path = "/"): BalancerRoute | undefined =>
  account.hosts.balancerSpecs
    .find((spec) => spec.name === name)
    ?.decide({ method: "GET", host: `${name}.example.org`, path, sourceAddress: "127.0.0.1" });

it("describes load balancers, listeners, rules and groups as they hang together", async () => {
  const { LoadBalancers } = await account.elb.send(new DescribeLoadBalancersCommand({ Names: ["stg3"] }));
  const arn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  const { Listeners } = await account.elb.send(new DescribeListenersCommand({ LoadBalancerArn: arn }));
  expect(Listeners?.[0]?.DefaultActions?.[0]).toMatchObject({
    Type: "fixed-response",
    FixedResponseConfig: { StatusCode: "404" },
  });
  const listener = Listeners?.[0]?.ListenerArn ?? "";
  const { Rules } = await account.elb.send(new DescribeRulesCommand({ ListenerArn: listener }));
  expect(Rules?.map(({ Priority, IsDefault }) => [Priority, IsDefault])).toEqual([
    ["10", false],
    ["default", true],
  ]);
  expect(Rules?.[0]?.Actions?.[0]).toMatchObject({ Type: "forward", TargetGroupArn: BLUE });
  const { TargetGroups } = await account.elb.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [BLUE, GREEN] }),
  );
  expect(TargetGroups?.map(({ LoadBalancerArns }) => LoadBalancerArns)).toEqual([[arn], []]);
});

it("switches a rule by weights, and the next request goes there", async () => {
  const id = await launched(account);
  await account.elb.send(new RegisterTargetsCommand({ TargetGroupArn: GREEN, Targets: [{ Id: id }] }));
  expect(route("stg3")).toMatchObject({ targetGroup: "stg3-blue", targets: [] });
  const { Rules } = await modify(forward([BLUE, 0], [GREEN, 1]));
  expect(Rules?.[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups).toEqual([
    { TargetGroupArn: BLUE, Weight: 0 },
    { TargetGroupArn: GREEN, Weight: 1 },
  ]);
  expect(Rules?.[0]?.Actions?.[0]?.TargetGroupArn).toBeUndefined();
  const isServed = () => {
    const now = route("stg3");
    return now?.kind === "forward" && now.targets.length > 0;
  };
  await until(isServed);
  for (let count = 0; count < 50; count++) {
    expect(route("stg3")).toMatchObject({ targetGroup: "stg3-green", targets: [{ instanceId: id }] });
  }
});

it("draws groups by their weights", async () => {
  await modify(forward([BLUE, 3], [GREEN, 1]));
  const drawn = Array.from({ length: 1000 }, () => route("stg3"));
  const green = drawn.filter((one) => one?.kind === "forward" && one.targetGroup === "stg3-green").length;
  expect(green).toBeGreaterThan(150);
  expect(green).toBeLessThan(350);
});

it("modifies a listener's default action, by TargetGroupArn alone too", async () => {
  const { LoadBalancers } = await account.elb.send(new DescribeLoadBalancersCommand({ Names: ["stg1"] }));
  const { Listeners } = await account.elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn ?? "" }),
  );
  const ListenerArn = Listeners?.[0]?.ListenerArn ?? "";
  expect(route("stg1")).toMatchObject({ targetGroup: "stg1" });
  await account.elb.send(
    new ModifyListenerCommand({ ListenerArn, DefaultActions: [{ Type: "forward", TargetGroupArn: GREEN }] }),
  );
  expect(route("stg1")).toMatchObject({ targetGroup: "stg3-green" });
  const FixedResponseConfig = { StatusCode: "503", ContentType: "text/html", MessageBody: "<p>soon</p>" };
  await account.elb.send(
    new ModifyListenerCommand({
      ListenerArn,
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig }],
    }),
  );
  expect(route("stg1")).toEqual({
    kind: "fixed",
    status: 503,
    contentType: "text/html",
    body: "<p>soon</p>",
  });
});

it.each<[string, Partial<ModifyRuleCommandInput>, string]>([
  ["an unknown rule", { RuleArn: `${RULE}0` }, "RuleNotFoundException"],
  ["what is no rule's ARN", { RuleArn: TARGET_GROUP }, "ValidationError"],
  ["an unknown group", forward([`${BLUE}0`, 1]), "TargetGroupNotFoundException"],
  ["a weight out of range", forward([BLUE, 1000]), "ValidationError"],
  [
    "sticky target groups, which it could not keep",
    {
      Actions: [
        {
          Type: "forward",
          ForwardConfig: {
            TargetGroups: [{ TargetGroupArn: BLUE }],
            TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
          },
        },
      ],
    },
    "InvalidLoadBalancerActionException",
  ],
  ["a group named twice", forward([BLUE, 1], [BLUE, 1]), "InvalidLoadBalancerActionException"],
  [
    "a group that the configuration contradicts",
    {
      Actions: [
        {
          Type: "forward",
          TargetGroupArn: GREEN,
          ForwardConfig: { TargetGroups: [{ TargetGroupArn: BLUE }] },
        },
      ],
    },
    "InvalidLoadBalancerActionException",
  ],
])("refuses %s", async (_name, input, code) => {
  expect((await refusal(modify(input))).code).toBe(code);
  const { Rules } = await account.elb.send(new DescribeRulesCommand({ RuleArns: [RULE] }));
  expect(Rules?.[0]?.Actions?.[0]?.TargetGroupArn).toBe(BLUE);
});

it("keeps a group's attributes, and refuses unknown and impossible ones", async () => {
  const set = (Key: string, Value: string) =>
    account.elb.send(
      new ModifyTargetGroupAttributesCommand({ TargetGroupArn: BLUE, Attributes: [{ Key, Value }] }),
    );
  await set("deregistration_delay.timeout_seconds", "17");
  const { Attributes } = await account.elb.send(
    new DescribeTargetGroupAttributesCommand({ TargetGroupArn: BLUE }),
  );
  expect(Attributes).toContainEqual({ Key: "deregistration_delay.timeout_seconds", Value: "17" });
  expect((await refusal(set("deregistration_delay.timeout_seconds", "3601"))).code).toBe("ValidationError");
  expect((await refusal(set("colour", "red"))).code).toBe("ValidationError");
});
