import { actionsOf, FEATURES, type Feature } from "./permissions.ts";
import { TAG } from "./tags.ts";

/** What of the configuration decides which permissions are needed. */
export interface PolicyInput {
  readonly installation: string;
  /** The AWS account; taken from the target groups where it is not given. */
  readonly account?: string | undefined;
  readonly slots: readonly PolicySlot[];
  /** Where test results go. */
  readonly results?: readonly { readonly bucket: string; readonly prefix: string }[] | undefined;
}

export interface PolicySlot {
  readonly region: string;
  readonly instanceTypes: readonly string[];
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly keyName?: string | undefined;
  readonly targetGroups: readonly string[];
  /** For `swap: switch`. */
  readonly listenerRule?: string | undefined;
  /** Name of an IAM instance profile's role, which the bot must be allowed to pass on. */
  readonly instanceRole?: string | undefined;
}

type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Condition;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/**
 * The least policy for this configuration. Pure.
 *
 * Launching is allowed only with our installation's tag, the configured types and IMDSv2; tagging only as
 * part of launching or of opening a port; ending only what carries our tag; ports, targets and rules only on
 * what the configuration names. Images are not narrowed: `--ami` and baked images name new ones.
 */
export function iamPolicy(input: PolicyInput): PolicyDocument {
  const { slots } = input;
  const account = input.account ?? accountOf(slots) ?? "*";
  const names = new Names(account);
  const used = usedFeatures(input);
  const statements = [
    ...lookStatements(slots, used),
    ...(used.has("launch") ? launchStatements(input, names) : []),
    ...(used.has("ingress") ? ingressStatements(slots, names) : []),
    ...(used.has("balancing") ? [balancingStatement(slots)] : []),
    ...(used.has("switch") ? [switchStatement(slots)] : []),
    ...resultStatements(input),
  ];
  return { Version: "2012-10-17", Statement: statements };
}

function usedFeatures({ slots, results }: PolicyInput): Set<Feature> {
  const used: Record<Feature, boolean> = {
    launch: slots.length > 0,
    ingress: slots.some((slot) => slot.securityGroups.length > 0),
    balancing: slots.some((slot) => slot.targetGroups.length > 0),
    switch: slots.some((slot) => slot.listenerRule !== undefined),
    results: (results ?? []).length > 0,
  };
  return new Set(FEATURES.filter((feature) => used[feature]));
}

function lookStatements(slots: readonly PolicySlot[], used: ReadonlySet<Feature>): PolicyStatement[] {
  const actions = [...used].flatMap((feature) => actionsOf(feature, "all"));
  if (actions.length === 0) return [];
  const regions = unique(slots.map((slot) => slot.region));
  const Condition = { StringEquals: { "aws:RequestedRegion": regions } };
  return [allow("Look", actions, ["*"], Condition)];
}

function launchStatements({ installation, slots }: PolicyInput, names: Names): PolicyStatement[] {
  const requested = { [`aws:RequestTag/${TAG.installation}`]: installation };
  const owned = { [`aws:ResourceTag/${TAG.installation}`]: installation };
  const each = <T>(pick: (slot: PolicySlot) => readonly T[]) => unique(slots.flatMap(pick));
  const created = (kind: string) => each((slot) => [names.ec2(slot.region, `${kind}/*`)]);
  const types = each((slot) => slot.instanceTypes);
  const roles = unique(
    slots.flatMap((slot) => (slot.instanceRole ? [names.role(slot.region, slot.instanceRole)] : [])),
  );
  return [
    allow("LaunchTaggedInstances", ["ec2:RunInstances"], created("instance"), {
      StringEquals: { ...requested, "ec2:InstanceType": types, "ec2:MetadataHttpTokens": "required" },
    }),
    allow("LaunchTheirParts", ["ec2:RunInstances"], [...created("volume"), ...created("network-interface")], {
      StringEquals: requested,
    }),
    allow(
      "LaunchFromWhatIsConfigured",
      ["ec2:RunInstances"],
      [
        ...each((slot) => [names.image(slot.region)]),
        ...each((slot) => slot.subnets.map((id) => names.ec2(slot.region, `subnet/${id}`))),
        ...each((slot) => slot.securityGroups.map((id) => names.ec2(slot.region, `security-group/${id}`))),
        ...each((slot) => (slot.keyName ? [names.ec2(slot.region, `key-pair/${slot.keyName}`)] : [])),
      ],
    ),
    allow(
      "TagWhatIsCreated",
      actionsOf("launch", "tagged").filter((action) => action === "ec2:CreateTags"),
      ["instance", "volume", "network-interface", "security-group-rule"].flatMap(created),
      {
        StringEquals: {
          ...requested,
          "ec2:CreateAction": ["RunInstances", "AuthorizeSecurityGroupIngress"],
        },
      },
    ),
    allow("EndWhatIsOurs", ["ec2:TerminateInstances"], created("instance"), { StringEquals: owned }),
    ...(roles.length === 0
      ? []
      : [
          allow("PassTheInstanceRole", ["iam:PassRole"], roles, {
            StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" },
          }),
        ]),
  ];
}

/** Rules are named beside their groups: with tags in the request AWS may ask for the permission on both. */
function ingressStatements(slots: readonly PolicySlot[], names: Names): PolicyStatement[] {
  const groups = slots.flatMap((slot) =>
    slot.securityGroups.map((id) => names.ec2(slot.region, `security-group/${id}`)),
  );
  const rules = slots.map((slot) => names.ec2(slot.region, "security-group-rule/*"));
  return [allow("OpenAndClosePorts", actionsOf("ingress", "named"), unique([...groups, ...rules]))];
}

function balancingStatement(slots: readonly PolicySlot[]): PolicyStatement {
  const groups = unique(slots.flatMap((slot) => slot.targetGroups));
  return allow("RegisterTargets", actionsOf("balancing", "named"), groups);
}

function switchStatement(slots: readonly PolicySlot[]): PolicyStatement {
  const rules = slots.flatMap((slot) => (slot.listenerRule ? [slot.listenerRule] : []));
  const listeners = rules.map((arn) => arn.replace(":listener-rule/", ":listener/").replace(/\/[^/]+$/, ""));
  return allow("SwitchTargetGroups", actionsOf("switch", "named"), unique([...rules, ...listeners]));
}

function resultStatements({ results = [], slots }: PolicyInput): PolicyStatement[] {
  if (results.length === 0) return [];
  const partition = partitionOf(slots[0]?.region ?? "");
  const objects = results.map(({ bucket, prefix }) => {
    const path = prefix === "" ? "*" : `${prefix}/*`;
    return `arn:${partition}:s3:::${bucket}/${path}`;
  });
  const buckets = unique(results.map(({ bucket }) => `arn:${partition}:s3:::${bucket}`));
  const objectActions = actionsOf("results").filter((action) => action !== "s3:ListBucket");
  return [
    allow("KeepTestResults", objectActions, unique(objects)),
    allow("FindTestResults", ["s3:ListBucket"], buckets),
  ];
}

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: readonly string[],
  Condition?: Condition,
): PolicyStatement {
  return { Sid, Effect: "Allow", Action, Resource, ...(Condition ? { Condition } : {}) };
}

/** Writes ARNs of one account, in the partition of their region. */
class Names {
  readonly #account: string;

  constructor(account: string) {
    this.#account = account;
  }

  ec2(region: string, resource: string): string {
    return `arn:${partitionOf(region)}:ec2:${region}:${this.#account}:${resource}`;
  }

  /** Images belong to no account in an ARN. */
  image(region: string): string {
    return `arn:${partitionOf(region)}:ec2:${region}::image/*`;
  }

  role(region: string, name: string): string {
    return `arn:${partitionOf(region)}:iam::${this.#account}:role/${name}`;
  }
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function accountOf(slots: readonly PolicySlot[]): string | undefined {
  const accounts = unique(slots.flatMap((slot) => slot.targetGroups.map((arn) => arn.split(":")[4] ?? "")));
  return accounts.length === 1 && accounts[0] !== "" ? accounts[0] : undefined;
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
