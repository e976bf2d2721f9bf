import type {
  AuthorizeSecurityGroupIngressRequest,
  AuthorizeSecurityGroupIngressResult,
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupRulesResult,
  DescribeSecurityGroupsRequest,
  DescribeSecurityGroupsResult,
  RevokeSecurityGroupIngressRequest,
  RevokeSecurityGroupIngressResult,
  SecurityGroupRule,
} from "@aws-sdk/client-ec2";
import type { Region } from "../../state/region.ts";
import { type IngressRule, type SecurityGroup, sourceKey } from "../../state/security-group.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { pageOf } from "../pages.ts";
import { dryRun, missingParameter, notFound } from "./errors.ts";
import { filtered } from "./filters.ts";
import { askedRules, asPermissions, describedSource } from "./permissions.ts";
import { addTag, refuseOtherTypes, tagList, tagsFor } from "./tags.ts";

const MOST_RULES = 60;

export const describeSecurityGroups: Action<DescribeSecurityGroupsRequest, DescribeSecurityGroupsResult> = (
  input,
  { region, now },
) => {
  const byId = input.GroupIds?.map((id) => groupOf(id, undefined, region));
  const chosen =
    byId ??
    [...region.groups.values()].filter(
      ({ name }) => input.GroupNames === undefined || input.GroupNames.includes(name),
    );
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen, input.Filters, {
    "group-id": ({ groupId }) => [groupId],
    "group-name": ({ name }) => [name],
    "vpc-id": ({ vpcId }) => [vpcId],
  });
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    SecurityGroups: page.items.map((group) => ({
      GroupId: group.groupId,
      GroupName: group.name,
      Description: group.name,
      OwnerId: region.accountId,
      VpcId: group.vpcId,
      SecurityGroupArn: `arn:aws:ec2:${region.name}:${region.accountId}:security-group/${group.groupId}`,
      IpPermissions: asPermissions(visibleRules(group, now), region.accountId),
      IpPermissionsEgress: [],
      Tags: tagList(group.tags),
    })),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

export const describeSecurityGroupRules: Action<
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupRulesResult
> = (input, { region, now }) => {
  const all = [...region.groups.values()].flatMap((group) =>
    visibleRules(group, now).map((rule) => ({ group, rule, tags: rule.tags })),
  );
  const chosen = input.SecurityGroupRuleIds?.map((id) => {
    const found = all.find(({ rule }) => rule.ruleId === id);
    if (!found) throw ruleNotFound(id);
    return found;
  });
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen ?? all, input.Filters, {
    "group-id": ({ group }) => [group.groupId],
    "security-group-rule-id": ({ rule }) => [rule.ruleId],
  });
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    SecurityGroupRules: page.items.map(({ group, rule }) => ruleDescription(rule, group, region)),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

export const authorizeSecurityGroupIngress: Action<
  AuthorizeSecurityGroupIngressRequest,
  AuthorizeSecurityGroupIngressResult
> = (input, { region, now }) => {
  const group = groupOf(input.GroupId, input.GroupName, region);
  const asked = askedRules(input);
  if (asked.length === 0) throw missingParameter("ipPermissions");
  refuseOtherTypes(input.TagSpecifications, ["security-group-rule"]);
  const tags = tagsFor("security-group-rule", input.TagSpecifications);
  for (const { source } of asked) {
    if (source.referencedGroupId !== undefined) groupOf(source.referencedGroupId, undefined, region);
  }
  // One duplicate refuses the whole call, also a duplicate within it.
  const keys = asked.map(({ source }) => sourceKey(source));
  const duplicate = asked.find(
    ({ source }, index) => group.find(source) || keys.indexOf(sourceKey(source)) < index,
  );
  if (duplicate) {
    throw new AwsError(
      "InvalidPermission.Duplicate",
      `the specified rule "${describedSource(duplicate.source)}" already exists`,
    );
  }
  if (group.rules.size + asked.length > MOST_RULES) {
    throw new AwsError(
      "RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached.",
    );
  }
  if (input.DryRun) throw dryRun();
  const visibleFrom = now + region.delays.consistency;
  const rules = asked.map(({ source, description }) => {
    const rule = group.add(source, { description, initial: false, visibleFrom });
    for (const [Key, Value] of tags) addTag(rule.tags, { Key, Value });
    return rule;
  });
  return {
    Return: true,
    SecurityGroupRules: rules.map((rule) => ruleDescription(rule, group, region)),
  };
};

/**
 * "For a default VPC, if the values you specify do not match the existing rule's values, no error is
 * returned, and the output describes the security group rules that were not revoked. For a non-default VPC, …
 * an InvalidPermission.NotFound client error is returned, and no rules are revoked."
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
 */
export const revokeSecurityGroupIngress: Action<
  RevokeSecurityGroupIngressRequest,
  RevokeSecurityGroupIngressResult
> = (input, { region }) => {
  const group = groupOf(input.GroupId, input.GroupName, region);
  const byId = (input.SecurityGroupRuleIds ?? []).map((id) => {
    const rule = group.rules.get(id);
    if (!rule) throw ruleNotFound(id);
    return rule;
  });
  const asked = askedRules(input);
  if (byId.length === 0 && asked.length === 0) throw missingParameter("ipPermissions");
  const matched = asked.flatMap(({ source }) => group.find(source) ?? []);
  const unknown = asked.filter(({ source }) => !group.find(source));
  const [first] = unknown;
  if (first && !region.isVpcDefault(group.vpcId)) {
    throw new AwsError(
      "InvalidPermission.NotFound",
      `The specified rule does not exist in this security group. (${describedSource(first.source)})`,
    );
  }
  if (input.DryRun) throw dryRun();
  const gone = [...byId, ...matched];
  for (const { ruleId } of gone) group.rules.delete(ruleId);
  return {
    Return: true,
    UnknownIpPermissions: asPermissions(
      unknown.map(({ source }) => source),
      region.accountId,
    ),
    RevokedSecurityGroupRules: gone.map((rule) => {
      const {
        Tags: _tags,
        GroupOwnerId: _owner,
        SecurityGroupRuleArn: _arn,
        ReferencedGroupInfo,
        ...rest
      } = ruleDescription(rule, group, region);
      const referenced = ReferencedGroupInfo?.GroupId;
      return referenced === undefined ? rest : { ...rest, ReferencedGroupId: referenced };
    }),
  };
};

function visibleRules(group: SecurityGroup, now: number): IngressRule[] {
  return [...group.rules.values()].filter(({ visibleFrom }) => visibleFrom <= now);
}

function groupOf(id: string | undefined, name: string | undefined, region: Region): SecurityGroup {
  if (id !== undefined) {
    if (!/^sg-[0-9a-f]{8,17}$/.test(id)) {
      throw new AwsError("InvalidGroupId.Malformed", `Invalid id: "${id}" (expecting "sg-...")`);
    }
    const group = region.groups.get(id);
    if (!group) throw notFound("InvalidGroup.NotFound", "security group", id);
    return group;
  }
  if (name === undefined) throw missingParameter("groupName or groupId");
  const group = [...region.groups.values()].find(
    (one) => one.name === name && region.isVpcDefault(one.vpcId),
  );
  if (!group) throw notFound("InvalidGroup.NotFound", "security group", name);
  return group;
}

function ruleNotFound(id: string): AwsError {
  return new AwsError(
    "InvalidSecurityGroupRuleId.NotFound",
    `The security group rule ID '${id}' does not exist`,
  );
}

function ruleDescription(rule: IngressRule, group: SecurityGroup, region: Region): SecurityGroupRule {
  const description: SecurityGroupRule = {
    SecurityGroupRuleId: rule.ruleId,
    GroupId: group.groupId,
    GroupOwnerId: region.accountId,
    IsEgress: false,
    IpProtocol: rule.protocol,
    FromPort: rule.fromPort,
    ToPort: rule.toPort,
    Tags: tagList(rule.tags),
    SecurityGroupRuleArn: `arn:aws:ec2:${region.name}:${region.accountId}:security-group-rule/${rule.ruleId}`,
  };
  if (rule.cidrIpv4 !== undefined) description.CidrIpv4 = rule.cidrIpv4;
  if (rule.cidrIpv6 !== undefined) description.CidrIpv6 = rule.cidrIpv6;
  if (rule.description !== undefined) description.Description = rule.description;
  if (rule.referencedGroupId !== undefined) {
    description.ReferencedGroupInfo = {
      GroupId: rule.referencedGroupId,
      UserId: region.accountId,
      VpcId: group.vpcId,
    };
  }
  return description;
}
