import { z } from "zod";
import { SlipwayError } from "../util/errors.ts";

/**
 * The tags by which our things are known. They carry the installation's name and the run's uuid, never the
 * small number: a restored or new database would repeat that.
 */
export const TAG = {
  installation: "slipway:installation",
  run: "slipway:run",
  slot: "slipway:slot",
  generation: "slipway:generation",
  name: "Name",
} as const;

export type Tags = Readonly<Record<string, string>>;

/** Whose a thing is. `generation` counts a run's launches of the same slot. */
export interface Owner {
  readonly installation: string;
  /** The run's uuid. */
  readonly run: string;
  readonly slot: string;
  readonly generation: number;
}

// AWS's limits: docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const MOST_TAGS = 50;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 256;

/**
 * The owner's tags and the team's own (`slots.*.tags`), which may replace `Name` but none of ours.
 *
 * @throws SlipwayError `tag_reserved`, `tag_too_long`, `too_many_tags`.
 */
export function ownerTags(owner: Owner, teamTags: Tags = {}): Tags {
  for (const [key, value] of Object.entries(teamTags)) refuseBadTag(key, value);
  const tags = {
    [TAG.name]: `${owner.installation}-${owner.slot}`,
    ...teamTags,
    [TAG.installation]: owner.installation,
    [TAG.run]: owner.run,
    [TAG.slot]: owner.slot,
    [TAG.generation]: String(owner.generation),
  };
  const count = Object.keys(tags).length;
  if (count > MOST_TAGS) {
    throw new SlipwayError(
      "too_many_tags",
      `${count} tags are asked for; AWS allows ${MOST_TAGS} on one thing`,
      {
        remedy: `Leave at most ${MOST_TAGS - 5} tags in the slot's \`tags\`.`,
      },
    );
  }
  return tags;
}

function refuseBadTag(key: string, value: string): void {
  if (/^(slipway:|aws:)/i.test(key)) {
    throw new SlipwayError("tag_reserved", `the tag "${key}" begins with a reserved word`, {
      remedy: "Name the tag otherwise in the slot's `tags`: `slipway:` and `aws:` are taken.",
      fields: { key },
    });
  }
  if (key === "" || key.length > LONGEST_KEY || value.length > LONGEST_VALUE) {
    throw new SlipwayError(
      "tag_too_long",
      `the tag "${key.slice(0, LONGEST_KEY)}" does not fit AWS's limits`,
      {
        remedy: `Keep keys to 1–${LONGEST_KEY} characters and values to ${LONGEST_VALUE}.`,
        fields: { key },
      },
    );
  }
}

/** As EC2 writes tags in requests. */
export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** As EC2 writes tags in answers: the whole list, a value or even a key may be missing. */
export const tagsSchema = z
  .array(z.object({ Key: z.string().optional(), Value: z.string().optional() }))
  .optional()
  .transform((list): Tags => {
    const pairs = (list ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? ""]]));
    return Object.fromEntries(pairs);
  });

/** Filters by tags, all of which must match. */
export function tagFilters(tags: Tags): { Name: string; Values: string[] }[] {
  return Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
}

/** Do these tags say that the thing is this installation's? */
export function isOurs(tags: Tags, installation: string): boolean {
  return tags[TAG.installation] === installation;
}
