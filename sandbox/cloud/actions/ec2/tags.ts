import type {
  CreateTagsRequest,
  DeleteTagsRequest,
  ResourceType,
  Tag,
  TagSpecification,
} from "@aws-sdk/client-ec2";
import type { Region } from "../../state/region.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { dryRun, instancesNotFound } from "./errors.ts";

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions */
const MOST_TAGS = 50;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 256;

/** The tags that a creating call gives to resources of one type. Throws on what EC2 refuses. */
export function tagsFor(
  type: ResourceType,
  specifications: readonly TagSpecification[] | undefined,
): Map<string, string> {
  const tags = new Map<string, string>();
  for (const specification of specifications ?? []) {
    if (specification.ResourceType !== type) continue;
    for (const tag of specification.Tags ?? []) {
      const key = tag.Key ?? "";
      if (tags.has(key)) throw new AwsError("InvalidParameterValue", `Duplicate tag key '${key}' specified.`);
      addTag(tags, tag);
    }
  }
  return tags;
}

/** EC2 refuses tag specifications for resource types that the action does not make. */
export function refuseOtherTypes(
  specifications: readonly TagSpecification[] | undefined,
  allowed: readonly ResourceType[],
): void {
  for (const { ResourceType } of specifications ?? []) {
    if (ResourceType === undefined)
      throw new AwsError("InvalidParameterValue", "Tag specification must have a resource type");
    if (!allowed.includes(ResourceType)) {
      throw new AwsError(
        "InvalidParameterValue",
        `'${ResourceType}' is not a valid taggable resource type for this operation.`,
      );
    }
  }
}

export function addTag(tags: Map<string, string>, tag: Tag): void {
  const key = tag.Key ?? "";
  const value = tag.Value ?? "";
  if (key === "") throw new AwsError("InvalidParameterValue", "Tag key cannot be empty.");
  if (key.toLowerCase().startsWith("aws:")) {
    throw new AwsError(
      "InvalidParameterValue",
      `Tag keys starting with 'aws:' are reserved for internal use: ${key}`,
    );
  }
  if (key.length > LONGEST_KEY) {
    throw new AwsError(
      "InvalidParameterValue",
      `Tag key exceeds the maximum length of ${LONGEST_KEY} characters`,
    );
  }
  if (value.length > LONGEST_VALUE) {
    throw new AwsError(
      "InvalidParameterValue",
      `Tag value exceeds the maximum length of ${LONGEST_VALUE} characters`,
    );
  }
  if (!tags.has(key) && tags.size >= MOST_TAGS) {
    throw new AwsError("TagLimitExceeded", `More than ${MOST_TAGS} tags specified`);
  }
  tags.set(key, value);
}

export function tagList(tags: ReadonlyMap<string, string>): Tag[] {
  return [...tags].map(([Key, Value]) => ({ Key, Value }));
}

export const createTags: Action<CreateTagsRequest, object> = (input, { region, now }) => {
  const resources = (input.Resources ?? []).map((id) => taggable(region, id, now));
  if (input.DryRun) throw dryRun();
  // All or nothing: a copy takes the tags first.
  for (const tags of resources) applyTags(new Map(tags), input.Tags);
  for (const tags of resources) applyTags(tags, input.Tags);
  return {};
};

export const deleteTags: Action<DeleteTagsRequest, object> = (input, { region, now }) => {
  const resources = (input.Resources ?? []).map((id) => taggable(region, id, now));
  if (input.DryRun) throw dryRun();
  for (const tags of resources) {
    if (input.Tags === undefined) tags.clear();
    for (const { Key = "", Value } of input.Tags ?? []) {
      // With a value, the tag goes only if it has that value (API reference, DeleteTags).
      if (Value === undefined || tags.get(Key) === Value) tags.delete(Key);
    }
  }
  return {};
};

function applyTags(tags: Map<string, string>, given: readonly Tag[] | undefined): void {
  for (const tag of given ?? []) addTag(tags, tag);
}

function taggable(region: Region, id: string, now: number): Map<string, string> {
  if (id.startsWith("i-")) {
    const instance = region.instances.get(id);
    if (!instance || instance.visibleFrom > now) throw instancesNotFound([id]);
    return instance.tags;
  }
  if (id.startsWith("sgr-")) {
    for (const group of region.groups.values()) {
      const rule = group.rules.get(id);
      if (rule && rule.visibleFrom <= now) return rule.tags;
    }
    throw new AwsError(
      "InvalidSecurityGroupRuleId.NotFound",
      `The security group rule ID '${id}' does not exist`,
    );
  }
  if (id.startsWith("sg-")) {
    const group = region.groups.get(id);
    if (group) return group.tags;
    throw new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
  }
  throw new AwsError("InvalidID", `The ID '${id}' is not valid`);
}
