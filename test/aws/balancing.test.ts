import { describe, expect, it } from "vitest";
import { untilDeregistered, untilDraining, untilHealthy } from "../../src/cloud/index.ts";
import { type Answer, elbAnswer, elbError, targetsAnswer } from "./raw-aws.ts";
import { standIn } from "./stand-in.ts";

const stand = standIn();

const ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg1/0123456789abcde1";
const BLUE = ARN.replace("stg1", "blue");
const GREEN = ARN.replace("stg1", "green");
const deadline = () => Date.now() + 20_000;

describe("target groups", () => {
  const attributes = (content: string) => elbAnswer("DescribeTargetGroupAttributes", content);
  const group = elbAnswer(
    "DescribeTargetGroups",
    `<TargetGroups><member><TargetGroupArn>${ARN}</TargetGroupArn><TargetGroupName>stg1</TargetGroupName>
<TargetType>instance</TargetType><Protocol>HTTP</Protocol><Port>80</Port>
<HealthCheckEnabled>true</HealthCheckEnabled>
<HealthCheckIntervalSeconds>15</HealthCheckIntervalSeconds><HealthCheckPath>/</HealthCheckPath>
<HealthyThresholdCount>2</HealthyThresholdCount><Matcher><HttpCode>200-399</HttpCode></Matcher>
<LoadBalancerArns><member>arn:lb</member></LoadBalancerArns></member></TargetGroups>`,
  );
  const bare = elbAnswer(
    "DescribeTargetGroups",
    `<TargetGroups><member><TargetGroupArn>${ARN}</TargetGroupArn></member></TargetGroups>`,
  );

  it("are read with their attributes", async () => {
    stand.aws.answer(({ action }) =>
      action === "DescribeTargetGroups"
        ? group
        : attributes(
            "<Attributes><member><Key>stickiness.enabled</Key><Value>false</Value></member><member>" +
              "<Key>deregistration_delay.timeout_seconds</Key><Value>20</Value></member></Attributes>",
          ),
    );
    expect(await stand.region.balancing.describeTargetGroup(ARN)).toMatchObject({
      name: "stg1",
      targetType: "instance",
      port: 80,
      healthCheck: { intervalSeconds: 15, healthyThreshold: 2, codes: "200-399", path: "/" },
      loadBalancers: ["arn:lb"],
      deregistrationDelaySeconds: 20,
    });
  });

  it("have AWS's defaults where it leaves members out", async () => {
    stand.aws.answer(({ action }) =>
      action === "DescribeTargetGroups" ? bare : attributes("<Attributes/>"),
    );
    expect(await stand.region.balancing.describeTargetGroup(ARN)).toMatchObject({
      targetType: "instance",
      healthCheck: { enabled: true, intervalSeconds: 30 },
      deregistrationDelaySeconds: 300,
      loadBalancers: [],
    });
  });
});

describe("targets", () => {
  it("are listed with port, state and reason", async () => {
    stand.aws.answer(
      targetsAnswer([
        { id: "i-1", port: 8080, state: "healthy" },
        {
          id: "i-2",
          state: "unhealthy",
          reason: "Target.ResponseCodeMismatch",
          description: "Health checks failed with these codes: [502]",
        },
      ]),
    );
    const targets = await stand.region.balancing.targets(ARN);
    expect(targets).toEqual([
      { id: "i-1", port: 8080, state: "healthy", reason: undefined, description: undefined },
      {
        id: "i-2",
        port: 80,
        state: "unhealthy",
        reason: "Target.ResponseCodeMismatch",
        description: "Health checks failed with these codes: [502]",
      },
    ]);
    stand.aws.answer(targetsAnswer([]));
    expect(await stand.region.balancing.targets(ARN)).toEqual([]);
  });

  it("are not taken for none when the answer cannot be read", async () => {
    for (const answer of [
      elbAnswer("DescribeTargetHealth", ""),
      { body: "<html><body>Maintenance</body></html>" },
      targetsAnswer([{ id: "i-1", state: "dreaming" }]),
    ]) {
      stand.aws.answer(answer);
      await expect(stand.region.balancing.targets(ARN)).rejects.toMatchObject({ kind: "garbage" });
    }
  });

  it("are registered and deregistered by exact Id and Port; none at all asks nothing", async () => {
    stand.aws.answer(({ action }) => elbAnswer(action, ""));
    const targets = [
      { id: "i-1", port: 80 },
      { id: "10.0.0.1", port: 81, zone: "all" },
    ];
    await stand.region.balancing.register(ARN, targets);
    await stand.region.balancing.deregister(ARN, targets);
    for (const call of stand.aws.calls) {
      expect(call.parameters).toMatchObject({
        TargetGroupArn: ARN,
        "Targets.member.1.Id": "i-1",
        "Targets.member.1.Port": "80",
        "Targets.member.2.AvailabilityZone": "all",
      });
    }
    await stand.region.balancing.register(ARN, []);
    await stand.region.balancing.deregister(ARN, []);
    expect(stand.aws.calls).toHaveLength(2);
  });

  it("that AWS calls invalid are deregistered if they are not registered", async () => {
    const invalid = elbError("InvalidTarget", "The following targets are not in a running state");
    const targets = [{ id: "i-1", port: 80 }];
    const answers = (left: Answer) =>
      stand.aws.answer(({ action }) => (action === "DeregisterTargets" ? invalid : left));
    answers(targetsAnswer([{ id: "i-1", port: 81, state: "healthy" }]));
    await stand.region.balancing.deregister(ARN, targets);
    answers(targetsAnswer([{ id: "i-1", port: 80, state: "draining" }]));
    await stand.region.balancing.deregister(ARN, targets);
    answers(targetsAnswer([{ id: "i-1", port: 80, state: "unhealthy" }]));
    await expect(stand.region.balancing.deregister(ARN, targets)).rejects.toMatchObject({
      awsCode: "InvalidTarget",
    });
  });
});

describe("waiting for targets", () => {
  const target = { id: "i-1", port: 80 };

  it("asks once per group for all who wait, and ends as soon as each is healthy", async () => {
    stand.aws.answer((_, before) => {
      const state = before === 0 ? "initial" : "healthy";
      return targetsAnswer(Array.from({ length: 10 }, (_none, n) => ({ id: `i-${n}`, state })));
    });
    const waiting = Array.from({ length: 10 }, (_, n) =>
      stand.region.poller.target(ARN, { id: `i-${n}`, port: 80 }, untilHealthy(ARN), {
        deadline: deadline(),
      }),
    );
    for (const health of await Promise.all(waiting)) expect(health.state).toBe("healthy");
    expect(stand.aws.count("DescribeTargetHealth")).toBe(2);
  });

  it("keeps two registrations of one instance apart", async () => {
    stand.aws.answer(
      targetsAnswer([
        { id: "i-1", port: 81, state: "unused", reason: "Target.InvalidState" },
        { id: "i-1", port: 80, state: "healthy" },
      ]),
    );
    const health = await stand.region.poller.target(ARN, target, untilHealthy(ARN), { deadline: deadline() });
    expect(health).toMatchObject({ port: 80, state: "healthy" });
  });

  it.each([
    ["Target.InvalidState", "target_invalid_state"],
    ["Target.IpUnusable", "target_ip_unusable"],
  ])("fails at once with %s", async (reason, code) => {
    stand.aws.answer(targetsAnswer([{ id: "i-1", state: "unused", reason, description: "see there" }]));
    const waiting = stand.region.poller.target(ARN, target, untilHealthy(ARN), { deadline: deadline() });
    await expect(waiting).rejects.toMatchObject({ code, remedy: expect.stringMatching(/./) });
    expect(stand.aws.count("DescribeTargetHealth")).toBe(1);
  });

  it("waits for a group that has just been given to a rule, and not for one that nothing uses", async () => {
    const unused = targetsAnswer([{ id: "i-1", state: "unused", reason: "Target.NotInUse" }]);
    const healthy = targetsAnswer([{ id: "i-1", state: "healthy" }]);
    stand.aws.answer((_, before) => (before < 3 ? unused : healthy));
    const soon = stand.region.poller.target(ARN, target, untilHealthy(ARN), { deadline: deadline() });
    expect(await soon).toMatchObject({ state: "healthy" });
    stand.aws.answer(unused);
    const never = stand.region.poller.target(ARN, target, untilHealthy(ARN), { deadline: deadline() });
    await expect(never).rejects.toMatchObject({
      code: "target_not_in_use",
      remedy: expect.stringMatching(/./),
    });
  });

  it("waits while unhealthy, and says why at the deadline", async () => {
    stand.aws.answer(
      targetsAnswer([
        { id: "i-1", state: "unhealthy", reason: "Target.Timeout", description: "Request timed out" },
      ]),
    );
    const options = { deadline: Date.now() + 3_000, what: "healthy" };
    await expect(stand.region.poller.target(ARN, target, untilHealthy(ARN), options)).rejects.toMatchObject({
      code: "target_wait_timeout",
      message: expect.stringContaining("unhealthy (Target.Timeout: Request timed out)"),
    });
    expect(stand.aws.count("DescribeTargetHealth")).toBeGreaterThan(1);
  });

  it("of a group that does not exist ends at once", async () => {
    stand.aws.answer(elbError("TargetGroupNotFound", "One or more target groups not found"));
    const waiting = stand.region.poller.target(ARN, target, untilHealthy(ARN), { deadline: deadline() });
    await expect(waiting).rejects.toMatchObject({ kind: "not_found" });
  });

  it("tells draining from deregistered", async () => {
    const answers = [
      targetsAnswer([{ id: "i-1", state: "healthy" }]),
      targetsAnswer([{ id: "i-1", state: "draining" }]),
      targetsAnswer([]),
    ];
    stand.aws.answer((_, before) => answers[before] ?? targetsAnswer([]));
    await stand.region.poller.target(ARN, target, untilDraining, { deadline: deadline() });
    expect(stand.aws.count("DescribeTargetHealth")).toBe(2);
    await stand.region.poller.target(ARN, target, untilDeregistered, { deadline: deadline() });
    expect(stand.aws.count("DescribeTargetHealth")).toBe(3);
  });
});

describe("a rule's forward", () => {
  const RULE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/stg3/50dc/f2f7/9683";
  const LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/stg3/50dc/f2f7";

  /** One rule whose actions are kept as XML; what ModifyRule sets is given back. */
  function serve(actions: string, { isDefault = false } = {}) {
    const rule = (inner: string) => `<member><RuleArn>${RULE}</RuleArn><Priority>1</Priority>
<IsDefault>${isDefault}</IsDefault><Conditions/><Actions>${inner}</Actions></member>`;
    stand.aws.answer(({ action, parameters }) => {
      if (action === "DescribeRules") return elbAnswer(action, `<Rules>${rule(actions)}</Rules>`);
      const prefix = action === "ModifyListener" ? "DefaultActions" : "Actions";
      const forward = forwardXml(parameters, prefix);
      if (action === "ModifyRule") return elbAnswer(action, `<Rules>${rule(forward)}</Rules>`);
      const listener = `<member><ListenerArn>${LISTENER}</ListenerArn>
<DefaultActions>${forward}</DefaultActions></member>`;
      return elbAnswer(action, `<Listeners>${listener}</Listeners>`);
    });
  }

  function forwardXml(parameters: Readonly<Record<string, string>>, prefix: string): string {
    const pattern = new RegExp(
      `^${prefix}\\.member\\.\\d+\\.ForwardConfig\\.TargetGroups\\.member\\.\\d+\\.TargetGroupArn$`,
    );
    const groups = Object.keys(parameters)
      .filter((key) => pattern.test(key))
      .map((key) => {
        const weight = parameters[key.replace(/TargetGroupArn$/, "Weight")];
        return `<member><TargetGroupArn>${parameters[key]}</TargetGroupArn><Weight>${weight}</Weight></member>`;
      });
    return `<member><Type>forward</Type><ForwardConfig>
<TargetGroups>${groups.join("")}</TargetGroups></ForwardConfig></member>`;
  }

  const full = `<member><Type>forward</Type><Order>1</Order><ForwardConfig><TargetGroups>
<member><TargetGroupArn>${BLUE}</TargetGroupArn><Weight>1</Weight></member>
<member><TargetGroupArn>${GREEN}</TargetGroupArn><Weight>0</Weight></member></TargetGroups>
<TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>60</DurationSeconds>
</TargetGroupStickinessConfig></ForwardConfig></member>`;
  const oidc = `<member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig>
<Issuer>https://id.example.org</Issuer><ClientId>abc</ClientId></AuthenticateOidcConfig></member>`;
  const weights = [
    { targetGroup: BLUE, weight: 0 },
    { targetGroup: GREEN, weight: 1 },
  ];

  it("is read in either form", async () => {
    serve(full);
    expect(await stand.region.balancing.ruleForward(RULE)).toEqual({
      ruleArn: RULE,
      groups: [
        { targetGroup: BLUE, weight: 1 },
        { targetGroup: GREEN, weight: 0 },
      ],
      stickySeconds: 60,
      isDefault: false,
    });
    serve(`<member><Type>forward</Type><TargetGroupArn>${BLUE}</TargetGroupArn></member>`);
    expect(await stand.region.balancing.ruleForward(RULE)).toMatchObject({
      groups: [{ targetGroup: BLUE, weight: 1 }],
      stickySeconds: null,
    });
  });

  it("is switched in one change that keeps stickiness and the other actions", async () => {
    serve(oidc + full.replace("<Order>1</Order>", "<Order>2</Order>"));
    expect((await stand.region.balancing.setRuleForward(RULE, weights)).groups).toEqual(weights);
    const sent = stand.aws.calls.find((call) => call.action === "ModifyRule")?.parameters;
    const forward = "Actions.member.2.ForwardConfig";
    expect(sent).toMatchObject({
      RuleArn: RULE,
      "Actions.member.1.Type": "authenticate-oidc",
      "Actions.member.1.AuthenticateOidcConfig.Issuer": "https://id.example.org",
      "Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret": "true",
      [`${forward}.TargetGroups.member.1.TargetGroupArn`]: BLUE,
      [`${forward}.TargetGroups.member.1.Weight`]: "0",
      [`${forward}.TargetGroups.member.2.Weight`]: "1",
      [`${forward}.TargetGroupStickinessConfig.Enabled`]: "true",
      [`${forward}.TargetGroupStickinessConfig.DurationSeconds`]: "60",
    });
    expect(sent?.["Actions.member.2.TargetGroupArn"]).toBeUndefined();
  });

  it("of a listener's default rule is changed through the listener", async () => {
    serve(full, { isDefault: true });
    expect(await stand.region.balancing.setRuleForward(RULE, weights)).toMatchObject({
      groups: weights,
      isDefault: true,
    });
    expect(stand.aws.count("ModifyRule")).toBe(0);
    expect(stand.aws.calls.find((call) => call.action === "ModifyListener")?.parameters).toMatchObject({
      ListenerArn: LISTENER,
    });
  });

  it("is not believed to be switched when AWS shows something else", async () => {
    stand.aws.answer(({ action }) =>
      elbAnswer(
        action,
        `<Rules><member><RuleArn>${RULE}</RuleArn><Actions>${full}</Actions></member></Rules>`,
      ),
    );
    await expect(stand.region.balancing.setRuleForward(RULE, weights)).rejects.toMatchObject({
      kind: "garbage",
    });
  });

  it("of a rule that redirects, or is not there, is refused before any change", async () => {
    serve(
      "<member><Type>redirect</Type><RedirectConfig><StatusCode>HTTP_301</StatusCode></RedirectConfig></member>",
    );
    await expect(stand.region.balancing.setRuleForward(RULE, weights)).rejects.toMatchObject({
      code: "rule_does_not_forward",
    });
    stand.aws.answer(elbError("RuleNotFound", "One or more rules not found"));
    await expect(stand.region.balancing.setRuleForward(RULE, weights)).rejects.toMatchObject({
      kind: "not_found",
    });
    expect(stand.aws.count("ModifyRule")).toBe(0);
  });
});
