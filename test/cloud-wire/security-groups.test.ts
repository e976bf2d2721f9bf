import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  type IpPermission,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Account, GROUP, GROUP_OTHER_VPC, launched, openAccount, refusal, until } from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
afterEach(() => account.post("reset"));
afterAll(() => account.close());

const ssh = (cidr = "127.0.0.1/32"): IpPermission => ({
  IpProtocol: "tcp",
  FromPort: 2222,
  ToPort: 2222,
  IpRanges: [{ CidrIp: cidr, Description: "the bot" }],
});
const authorize = (permission: IpPermission, GroupId = GROUP) =>
  account.ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [permission],
      TagSpecifications: [{ ResourceType: "security-group-rule", Tags: [{ Key: "run", Value: "7" }] }],
    }),
  );
const revoke = (permission: IpPermission, GroupId = GROUP) =>
  account.ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [permission] }));
const revokeById = (...SecurityGroupRuleIds: string[]) =>
  account.ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: GROUP, SecurityGroupRuleIds }));
const rulesOf = async (group = GROUP) => {
  const filter = { Filters: [{ Name: "group-id", Values: [group] }] };
  return (await account.ec2.send(new DescribeSecurityGroupRulesCommand(filter))).SecurityGroupRules ?? [];
};

it("a rule is made with an id and tags, described, and revoked by its id", async () => {
  const { SecurityGroupRules } = await authorize(ssh());
  const made = SecurityGroupRules?.[0];
  expect(made).toMatchObject({
    CidrIpv4: "127.0.0.1/32",
    FromPort: 2222,
    IsEgress: false,
    Tags: [{ Key: "run", Value: "7" }],
  });
  expect((await rulesOf()).map(({ SecurityGroupRuleId }) => SecurityGroupRuleId)).toContain(
    made?.SecurityGroupRuleId,
  );
  const revoked = await revokeById(made?.SecurityGroupRuleId ?? "");
  expect(revoked.RevokedSecurityGroupRules?.[0]?.SecurityGroupRuleId).toBe(made?.SecurityGroupRuleId);
  expect(await rulesOf()).toHaveLength(1);
});

it("a duplicate is refused, whatever its description, and nothing of the call is done", async () => {
  await authorize(ssh());
  const other = { ...ssh(), IpRanges: [{ CidrIp: "10.1.0.0/16" }, { CidrIp: "127.0.0.1/32" }] };
  expect(await refusal(authorize(other))).toEqual({ code: "InvalidPermission.Duplicate", status: 400 });
  expect(await rulesOf()).toHaveLength(2);
});

it("host bits of a CIDR are cleared, so that it is the same rule", async () => {
  await authorize(ssh("10.1.2.3/16"));
  expect((await rulesOf()).at(-1)?.CidrIpv4).toBe("10.1.0.0/16");
  expect((await refusal(authorize(ssh("10.1.9.9/16")))).code).toBe("InvalidPermission.Duplicate");
});

it("in a default VPC, revoking by properties that match nothing is no error; what was unknown is told", async () => {
  const answer = await revoke(ssh());
  expect(answer.Return).toBe(true);
  expect(answer.UnknownIpPermissions?.[0]).toMatchObject({
    FromPort: 2222,
    IpRanges: [{ CidrIp: "127.0.0.1/32" }],
  });
  expect(answer.RevokedSecurityGroupRules ?? []).toEqual([]);
});

it("in another VPC the same is InvalidPermission.NotFound, and nothing is revoked", async () => {
  await authorize(ssh(), GROUP_OTHER_VPC);
  const both = { ...ssh(), IpRanges: [{ CidrIp: "127.0.0.1/32" }, { CidrIp: "10.0.0.0/8" }] };
  expect((await refusal(revoke(both, GROUP_OTHER_VPC))).code).toBe("InvalidPermission.NotFound");
  expect(await rulesOf(GROUP_OTHER_VPC)).toHaveLength(1);
});

it("an unknown rule id is an error in every VPC", async () => {
  expect((await refusal(revokeById("sgr-0123456789abcdef0"))).code).toBe(
    "InvalidSecurityGroupRuleId.NotFound",
  );
});

it.each<[string, Parameters<typeof authorize>, string]>([
  ["no CIDR", [ssh("here")], "InvalidParameterValue"],
  ["ports the wrong way round", [{ ...ssh(), FromPort: 9, ToPort: 1 }], "InvalidParameterValue"],
  ["no ports", [{ IpProtocol: "tcp", IpRanges: [{ CidrIp: "10.0.0.0/8" }] }], "InvalidParameterValue"],
  ["an unknown protocol", [{ ...ssh(), IpProtocol: "ssh" }], "InvalidParameterValue"],
  ["an unknown group", [ssh(), "sg-0ffffffffffffffff"], "InvalidGroup.NotFound"],
  ["what is no group id", [ssh(), "staging"], "InvalidGroupId.Malformed"],
])("a rule is refused for %s", async (_name, args, code) => {
  expect((await refusal(authorize(...args))).code).toBe(code);
});

it("a new rule is not described until it is consistent, but already refuses its duplicate", async () => {
  await account.post("config", { delays: { consistency: 1_500 } });
  await authorize(ssh());
  expect(await rulesOf()).toHaveLength(1);
  expect((await refusal(authorize(ssh()))).code).toBe("InvalidPermission.Duplicate");
  await until(async () => (await rulesOf()).length === 2);
  await account.post("config", { delays: { consistency: 0 } });
});

it("groups show their rules together by ports", async () => {
  await authorize({ ...ssh(), IpRanges: [{ CidrIp: "127.0.0.1/32" }, { CidrIp: "10.1.0.0/16" }] });
  const { SecurityGroups } = await account.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GROUP] }));
  const permission = SecurityGroups?.[0]?.IpPermissions?.find(({ FromPort }) => FromPort === 2222);
  expect(permission?.IpRanges?.map(({ CidrIp }) => CidrIp)).toEqual(["127.0.0.1/32", "10.1.0.0/16"]);
});

it("machines let in whom the rules of now let in", async () => {
  const id = await launched(account);
  await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
  const spec = account.hosts.started.find(({ instanceId }) => instanceId === id);
  expect(spec?.mayConnect("127.0.0.1", 2222)).toBe(false);
  expect(spec?.mayConnect("10.9.9.9", 8080)).toBe(true);
  const { SecurityGroupRules } = await authorize(ssh());
  expect(spec?.mayConnect("127.0.0.1", 2222)).toBe(true);
  expect(spec?.mayConnect("127.0.0.1", 2223)).toBe(false);
  expect(spec?.mayConnect("127.0.0.2", 2222)).toBe(false);
  await revokeById(SecurityGroupRules?.[0]?.SecurityGroupRuleId ?? "");
  expect(spec?.mayConnect("127.0.0.1", 2222)).toBe(false);
  await authorize({ ...ssh(), IpRanges: [], UserIdGroupPairs: [{ GroupId: GROUP }] });
  expect(spec?.mayConnect(spec.address, 2222)).toBe(true);
  expect(spec?.mayConnect("127.0.0.1", 2222)).toBe(false);
});
