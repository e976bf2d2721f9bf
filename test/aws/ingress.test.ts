import { describe, expect, it } from "vitest";
import { parseCidr } from "../../src/cloud/index.ts";
import { type Answer, ec2Answer, error } from "./raw-aws.ts";
import { standIn } from "./stand-in.ts";

const stand = standIn();

interface Rule {
  readonly id?: string;
  readonly port?: number;
  readonly cidr?: string;
  readonly owner?: string;
  readonly egress?: boolean;
}

function ruleXml({ id = "sgr-1", port = 22, cidr = "203.0.113.7/32", owner, egress = false }: Rule): string {
  const tags = owner ? `<item><key>slipway:installation</key><value>${owner}</value></item>` : "";
  return `<item><securityGroupRuleId>${id}</securityGroupRuleId><groupId>sg-1</groupId>
<isEgress>${egress}</isEgress><ipProtocol>tcp</ipProtocol><fromPort>${port}</fromPort><toPort>${port}</toPort>
<cidrIpv4>${cidr}</cidrIpv4><tagSet>${tags}</tagSet></item>`;
}

const rules = (...list: Rule[]): Answer =>
  ec2Answer(
    "DescribeSecurityGroupRules",
    `<securityGroupRuleSet>${list.map(ruleXml).join("")}</securityGroupRuleSet>`,
  );
const authorized = (...list: Rule[]): Answer =>
  ec2Answer(
    "AuthorizeSecurityGroupIngress",
    `<return>true</return><securityGroupRuleSet>${list.map(ruleXml).join("")}</securityGroupRuleSet>`,
  );
const revoked = ec2Answer("RevokeSecurityGroupIngress", "<return>true</return>");

const request = {
  groupId: "sg-1",
  port: 22,
  cidr: "203.0.113.7/32",
  description: "Slipway acme: run 12's \u201cSSH\u201d",
  tags: { "slipway:installation": "acme", "slipway:run": "uuid" },
};

describe("opening a port", () => {
  it("gives the new rule's id, and tags the rule in the same call", async () => {
    stand.aws.answer(authorized({ id: "sgr-9" }));
    expect(await stand.region.ec2.openIngress(request)).toEqual({ kind: "created", ruleId: "sgr-9" });
    expect(stand.aws.calls[0]?.parameters).toMatchObject({
      GroupId: "sg-1",
      "IpPermissions.1.IpProtocol": "tcp",
      "IpPermissions.1.FromPort": "22",
      "IpPermissions.1.ToPort": "22",
      "IpPermissions.1.IpRanges.1.CidrIp": "203.0.113.7/32",
      "IpPermissions.1.IpRanges.1.Description": "Slipway acme: run 12-s -SSH-",
      "TagSpecification.1.ResourceType": "security-group-rule",
      "TagSpecification.1.Tag.1.Key": "slipway:installation",
    });
    expect(stand.aws.calls).toHaveLength(1);
  });

  it("looks the rule up where AWS leaves it out of its answer", async () => {
    stand.aws.answer((call, before) => {
      if (call.action === "AuthorizeSecurityGroupIngress") return authorized();
      // Eventually consistent: the first look does not show it yet.
      return before === 0 ? rules() : rules({ id: "sgr-8" });
    });
    expect(await stand.region.ec2.openIngress(request)).toEqual({ kind: "created", ruleId: "sgr-8" });
  });

  const duplicate = error("InvalidPermission.Duplicate", "the specified rule already exists");

  it("a second time finds our rule, as after an answer that was lost", async () => {
    stand.aws.answer(({ action }) =>
      action === "AuthorizeSecurityGroupIngress" ? duplicate : rules({ id: "sgr-7", owner: "acme" }),
    );
    expect(await stand.region.ec2.openIngress(request)).toMatchObject({
      kind: "exists",
      ruleId: "sgr-7",
      ours: true,
    });
  });

  it("tells a rule that somebody else made, be it another installation", async () => {
    for (const owner of [undefined, "acme-test"]) {
      stand.aws.answer(({ action }) =>
        action === "AuthorizeSecurityGroupIngress" ? duplicate : rules(owner ? { owner } : {}),
      );
      expect(await stand.region.ec2.openIngress(request)).toMatchObject({ kind: "exists", ours: false });
    }
  });

  it("finds exactly the rule that was asked for, on whatever page", async () => {
    const others: Rule[] = [
      { id: "sgr-1", port: 80 },
      { id: "sgr-2", cidr: "203.0.113.0/24" },
      { id: "sgr-3", egress: true },
    ];
    const pageOne = ec2Answer(
      "DescribeSecurityGroupRules",
      `<securityGroupRuleSet>${others.map(ruleXml).join("")}</securityGroupRuleSet><nextToken>2</nextToken>`,
    );
    stand.aws.answer(({ parameters }) => (parameters.NextToken === "2" ? rules({ id: "sgr-4" }) : pageOne));
    expect(await stand.region.ec2.findRule(request)).toMatchObject({
      ruleId: "sgr-4",
      cidr: "203.0.113.7/32",
    });
    stand.aws.answer(rules(...others));
    expect(await stand.region.ec2.findRule(request)).toBeUndefined();
  });

  it("compares networks, not their spelling", async () => {
    stand.aws.answer(rules({ id: "sgr-5", cidr: "10.0.0.0/16" }));
    expect(await stand.region.ec2.findRule({ ...request, cidr: "10.0.12.3/16" })).toMatchObject({
      ruleId: "sgr-5",
    });
  });

  it("refuses what is no network before anything is sent", async () => {
    await expect(stand.region.ec2.openIngress({ ...request, cidr: "everyone" })).rejects.toMatchObject({
      code: "cidr_invalid",
    });
    expect(stand.aws.calls).toHaveLength(0);
  });
});

describe("closing it", () => {
  const rule = { groupId: "sg-1", ruleId: "sgr-1" };

  it("revokes by id alone, and is done when the rule is not shown any more", async () => {
    stand.aws.answer((call, before) => {
      if (call.action === "RevokeSecurityGroupIngress") return revoked;
      return before < 2 ? rules({}) : rules();
    });
    expect(await stand.region.ec2.closeIngress(rule)).toEqual({ kind: "closed" });
    const [revoke, look] = stand.aws.calls;
    expect(revoke?.parameters).toMatchObject({ GroupId: "sg-1", "SecurityGroupRuleId.1": "sgr-1" });
    expect(Object.keys(revoke?.parameters ?? {}).filter((key) => /Cidr|Port|IpProtocol/.test(key))).toEqual(
      [],
    );
    expect(look?.parameters).toMatchObject({ "Filter.1.Name": "security-group-rule-id" });
    expect(stand.aws.count("DescribeSecurityGroupRules")).toBe(3);
  });

  it("takes an unknown rule for gone, once it is not shown", async () => {
    stand.aws.answer(({ action }) =>
      action === "RevokeSecurityGroupIngress"
        ? error("InvalidSecurityGroupRuleId.NotFound", "no such rule")
        : rules(),
    );
    expect(await stand.region.ec2.closeIngress(rule)).toEqual({ kind: "already_gone" });
    expect(stand.aws.count("RevokeSecurityGroupIngress")).toBeGreaterThan(5);
  });

  it("does not take a rule for gone that AWS does not show yet", async () => {
    stand.aws.answer((call, before) => {
      const young = before < 3;
      if (call.action !== "RevokeSecurityGroupIngress") return rules();
      return young ? error("InvalidSecurityGroupRuleId.NotFound", "no such rule") : revoked;
    });
    expect(await stand.region.ec2.closeIngress(rule)).toEqual({ kind: "closed" });
    expect(stand.aws.count("RevokeSecurityGroupIngress")).toBe(4);
  });

  it("does not believe a success that changed nothing", async () => {
    stand.aws.answer(({ action }) => (action === "RevokeSecurityGroupIngress" ? revoked : rules({})));
    await expect(stand.region.ec2.closeIngress(rule)).rejects.toMatchObject({
      code: "ingress_rule_still_open",
    });
  });

  it("does not take an unreadable look for an empty one", async () => {
    stand.aws.answer(({ action }) =>
      action === "RevokeSecurityGroupIngress" ? revoked : { body: "<html>Maintenance</html>" },
    );
    await expect(stand.region.ec2.closeIngress(rule)).rejects.toMatchObject({ kind: "garbage" });
  });
});

describe("networks", () => {
  it.each([
    ["10.1.2.3/16", "10.1.0.0/16"],
    ["203.0.113.7/32", "203.0.113.7/32"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["2001:DB8:0:0:1::1/64", "2001:db8::/64"],
    ["2001:db8::1:2/127", "2001:db8::1:2/127"],
    ["::/0", "::/0"],
    ["2001:db8:1:2:3:4:5:6/128", "2001:db8:1:2:3:4:5:6/128"],
  ])("%s is %s", (text, expected) => {
    expect(parseCidr(text)?.text).toBe(expected);
  });

  it.each([
    "10.0.0.1",
    "10.0.0.1/33",
    "10.0.0/8",
    "::1/129",
    "a/8",
    "10.0.0.1/8/8",
    "10.0.0.1/",
    "fe80::1%1/64",
  ])("%s is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});
