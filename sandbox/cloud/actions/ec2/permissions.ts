import { isIP, isIPv4 } from "node:net";
import type { IpPermission } from "@aws-sdk/client-ec2";
import type { RuleSource } from "../../state/security-group.ts";
import { AwsError } from "../../wire/aws-error.ts";
import { invalidValue, missingParameter } from "./errors.ts";

export interface AskedRule {
  readonly source: RuleSource;
  readonly description: string | undefined;
}

/** The older, flat way to name one rule, beside IpPermissions. */
export interface FlatPermission {
  readonly IpPermissions?: IpPermission[] | undefined;
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIp?: string | undefined;
}

/** Every permission of a request as single rules: one per source, as EC2 keeps them. */
export function askedRules(input: FlatPermission): AskedRule[] {
  const permissions = [...(input.IpPermissions ?? [])];
  if (input.IpProtocol !== undefined || input.CidrIp !== undefined) {
    permissions.push({
      IpProtocol: input.IpProtocol,
      FromPort: input.FromPort,
      ToPort: input.ToPort,
      IpRanges: input.CidrIp === undefined ? [] : [{ CidrIp: input.CidrIp }],
    });
  }
  return permissions.flatMap(rulesOf);
}

const PROTOCOL_NAMES: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", all: "-1" };

function rulesOf(permission: IpPermission): AskedRule[] {
  const given = permission.IpProtocol;
  if (given === undefined) throw missingParameter("ipProtocol");
  const protocol = PROTOCOL_NAMES[given] ?? given.toLowerCase();
  if (!/^(tcp|udp|icmp|icmpv6|-1|\d+)$/.test(protocol)) {
    throw invalidValue("ipProtocol", given, "Unknown protocol.");
  }
  const [fromPort, toPort] = portsOf(permission, protocol);
  const base = {
    protocol,
    fromPort,
    toPort,
    cidrIpv4: undefined,
    cidrIpv6: undefined,
    referencedGroupId: undefined,
  };
  const rules: AskedRule[] = [
    ...(permission.IpRanges ?? []).map(({ CidrIp = "", Description }) => ({
      source: { ...base, cidrIpv4: normalCidr(CidrIp, 4) },
      description: Description,
    })),
    ...(permission.Ipv6Ranges ?? []).map(({ CidrIpv6 = "", Description }) => ({
      source: { ...base, cidrIpv6: normalCidr(CidrIpv6, 6) },
      description: Description,
    })),
    ...(permission.UserIdGroupPairs ?? []).map(({ GroupId, Description }) => ({
      source: { ...base, referencedGroupId: GroupId },
      description: Description,
    })),
  ];
  if (rules.length === 0) throw missingParameter("ipPermissions.ipRanges");
  return rules;
}

function portsOf({ FromPort, ToPort }: IpPermission, protocol: string): [number, number] {
  if (protocol === "-1") return [-1, -1];
  if (protocol !== "tcp" && protocol !== "udp") return [FromPort ?? -1, ToPort ?? -1];
  if (FromPort === undefined || ToPort === undefined) {
    throw new AwsError(
      "InvalidParameterValue",
      "Invalid value 'null' for portRange. Must specify both ports.",
    );
  }
  if (FromPort > ToPort || FromPort < 0 || ToPort > 65_535) {
    throw new AwsError("InvalidParameterValue", `Invalid TCP/UDP port range (${FromPort}:${ToPort})`);
  }
  return [FromPort, ToPort];
}

/** EC2 refuses what is no CIDR block, and clears an address's host bits. */
function normalCidr(cidr: string, version: 4 | 6): string {
  const [address = "", prefix = ""] = cidr.split("/");
  const bits = Number(prefix);
  const longest = version === 4 ? 32 : 128;
  if (isIP(address) !== version || !/^\d+$/.test(prefix) || bits > longest) {
    throw new AwsError("InvalidParameterValue", `CIDR block ${cidr} is malformed`);
  }
  return isIPv4(address) ? `${networkOf(address, bits)}/${bits}` : cidr;
}

function networkOf(address: string, bits: number): string {
  const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  const network = Math.floor(value / size) * size;
  return [24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join(".");
}

/** Rules as DescribeSecurityGroups shows them: sources of the same protocol and ports together. */
export function asPermissions(
  rules: readonly (RuleSource & { description?: string | undefined })[],
  owner: string,
) {
  const groups = Map.groupBy(rules, (rule) => `${rule.protocol}|${rule.fromPort}|${rule.toPort}`);
  return [...groups.values()].map((same): IpPermission => {
    const [first] = same;
    const ports = first?.protocol === "-1" ? {} : { FromPort: first?.fromPort, ToPort: first?.toPort };
    return {
      IpProtocol: first?.protocol,
      ...ports,
      IpRanges: same.flatMap(({ cidrIpv4, description }) =>
        cidrIpv4 === undefined ? [] : [{ CidrIp: cidrIpv4, Description: description }],
      ),
      Ipv6Ranges: same.flatMap(({ cidrIpv6, description }) =>
        cidrIpv6 === undefined ? [] : [{ CidrIpv6: cidrIpv6, Description: description }],
      ),
      UserIdGroupPairs: same.flatMap(({ referencedGroupId, description }) =>
        referencedGroupId === undefined
          ? []
          : [{ GroupId: referencedGroupId, UserId: owner, Description: description }],
      ),
      PrefixListIds: [],
    };
  });
}

/** `peer: …, TCP, from port: 22, to port: 22, ALLOW`, as EC2 words it in errors. */
export function describedSource(rule: RuleSource): string {
  const peer = rule.cidrIpv4 ?? rule.cidrIpv6 ?? rule.referencedGroupId ?? "";
  const protocol = rule.protocol === "-1" ? "ALL" : rule.protocol.toUpperCase();
  return `peer: ${peer}, ${protocol}, from port: ${rule.fromPort}, to port: ${rule.toPort}, ALLOW`;
}
