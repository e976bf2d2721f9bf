/** The fixed names of the sandbox's account: the cloud's configuration and the bot's both speak of these. */
export const REGION = "us-east-1";
export const ACCOUNT = "123456789012";
export const IMAGE = "ami-02dff3992891505ba";
export const VPC = "vpc-0a1b2c3d4e5f60718";
export const KEY_NAME = "sandbox-key";
export const SUBNETS = [
  { id: "subnet-022ff062fe90b23b1", zone: "us-east-1a" },
  { id: "subnet-0aa0aa0aa0aa0aa02", zone: "us-east-1b" },
] as const;
export const SSH_PORT = 2222;
export const TARGET_PORT = 8080;

const ELB = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}`;

export interface SlotPlan {
  readonly name: string;
  readonly swap: "replace" | "overlap" | "switch";
  /** Two for `switch`, else one. */
  readonly targetGroups: readonly { readonly name: string; readonly arn: string }[];
  readonly securityGroup: string;
  readonly loadBalancer: string;
  readonly listener: string;
  readonly rule: string;
}

export const SLOT_NAMES = ["stg1", "stg2", "stg3", "stg4"] as const;
export type SlotName = (typeof SLOT_NAMES)[number];

/** stg1 and stg2 share a security group: the end of one must not cut the other's SSH. */
export const SLOTS: readonly SlotPlan[] = [
  slot("stg1", 1, "replace", "sg-0d56a7433d4b2a364", ["stg1"]),
  slot("stg2", 2, "overlap", "sg-0d56a7433d4b2a364", ["stg2"]),
  slot("stg3", 3, "switch", "sg-0d56a7433d4b2a365", ["stg3-blue", "stg3-green"]),
  slot("stg4", 4, "replace", "sg-0d56a7433d4b2a366", ["stg4"]),
];

function slot(
  name: SlotName,
  number: number,
  swap: SlotPlan["swap"],
  securityGroup: string,
  groups: readonly string[],
): SlotPlan {
  const id = (kind: string) => `${kind}${String(number).repeat(14)}`;
  const listener = `${ELB}:listener/app/${name}/${id("10")}/${id("20")}`;
  return {
    name,
    swap,
    securityGroup,
    targetGroups: groups.map((group, index) => ({
      name: group,
      arn: `${ELB}:targetgroup/${group}/${id(`a${index}`)}`,
    })),
    loadBalancer: `${ELB}:loadbalancer/app/${name}/${id("10")}`,
    listener,
    rule: `${listener.replace(":listener/", ":listener-rule/")}/${id("30")}`,
  };
}
