/**
 * Every IAM action that the bot uses, and for what. `iamPolicy` turns them into statements, `doctor` into
 * probes, and a test holds this list against the calls that src/cloud makes.
 *
 * `scope` says how far AWS lets the action be narrowed (Service Authorization Reference,
 * docs.aws.amazon.com/service-authorization/latest/reference/): `all` not at all, `named` to things named in
 * the configuration, `tagged` to things that carry this installation's tag.
 */
export const FEATURES = ["launch", "ingress", "balancing", "switch", "results"] as const;
export type Feature = (typeof FEATURES)[number];

export interface Permission {
  readonly action: string;
  readonly feature: Feature;
  readonly scope: "all" | "named" | "tagged";
  readonly why: string;
}

export const PERMISSIONS: readonly Permission[] = [
  { action: "ec2:DescribeImages", feature: "launch", scope: "all", why: "the image's state and root volume" },
  {
    action: "ec2:DescribeInstances",
    feature: "launch",
    scope: "all",
    why: "to wait, and to find what is left",
  },
  { action: "ec2:RunInstances", feature: "launch", scope: "named", why: "to launch a slot's instance" },
  { action: "ec2:CreateTags", feature: "launch", scope: "tagged", why: "the tags that a launch itself sets" },
  { action: "ec2:TerminateInstances", feature: "launch", scope: "tagged", why: "to end what it launched" },
  {
    action: "ec2:DescribeSecurityGroupRules",
    feature: "ingress",
    scope: "all",
    why: "to tell its own rules from others, and to see them closed",
  },
  {
    action: "ec2:AuthorizeSecurityGroupIngress",
    feature: "ingress",
    scope: "named",
    why: "to open the SSH port for the bot's address",
  },
  {
    action: "ec2:RevokeSecurityGroupIngress",
    feature: "ingress",
    scope: "named",
    why: "to close that port again",
  },
  {
    action: "elasticloadbalancing:DescribeTargetGroups",
    feature: "balancing",
    scope: "all",
    why: "health-check interval and target type",
  },
  {
    action: "elasticloadbalancing:DescribeTargetGroupAttributes",
    feature: "balancing",
    scope: "all",
    why: "how long targets drain",
  },
  {
    action: "elasticloadbalancing:DescribeTargetHealth",
    feature: "balancing",
    scope: "all",
    why: "who is registered, and healthy",
  },
  {
    action: "elasticloadbalancing:RegisterTargets",
    feature: "balancing",
    scope: "named",
    why: "to put the instance behind the slot's load balancer",
  },
  {
    action: "elasticloadbalancing:DeregisterTargets",
    feature: "balancing",
    scope: "named",
    why: "to take it out again",
  },
  {
    action: "elasticloadbalancing:DescribeRules",
    feature: "switch",
    scope: "all",
    why: "where the listener rule forwards to now",
  },
  {
    action: "elasticloadbalancing:ModifyRule",
    feature: "switch",
    scope: "named",
    why: "to switch between the two target groups",
  },
  {
    action: "elasticloadbalancing:ModifyListener",
    feature: "switch",
    scope: "named",
    why: "the same where the rule is its listener's default rule",
  },
  {
    action: "s3:GetObject",
    feature: "results",
    scope: "named",
    why: "the last test results, to run failed ones again",
  },
  { action: "s3:PutObject", feature: "results", scope: "named", why: "to keep test results" },
  {
    action: "s3:ListBucket",
    feature: "results",
    scope: "named",
    why: "so that a missing object is told from a refused one",
  },
];

/** The actions of a feature, in the list's order. */
export function actionsOf(feature: Feature, scope?: Permission["scope"]): string[] {
  return PERMISSIONS.filter((one) => one.feature === feature && (!scope || one.scope === scope)).map(
    (one) => one.action,
  );
}
