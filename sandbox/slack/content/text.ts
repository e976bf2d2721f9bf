import { z } from "zod";

/**
 * Composition objects, with the limits of https://docs.slack.dev/reference/block-kit/composition-objects.
 * Slack refuses members that it does not know ("invalid additional property"), so every object is strict.
 */
export const id = z.string().max(255);
export const url = z.string().min(1).max(3000);

/** Text without markup, of at most so many characters. */
export const plain = (longest = 3000) =>
  z.strictObject({
    type: z.literal("plain_text"),
    text: z.string().min(1).max(longest),
    emoji: z.boolean().optional(),
  });

export const mrkdwn = (longest = 3000) =>
  z.strictObject({
    type: z.literal("mrkdwn"),
    text: z.string().min(1).max(longest),
    verbatim: z.boolean().optional(),
  });

/** Text with Slack's markup or without. */
export const anyText = (longest = 3000) => z.discriminatedUnion("type", [plain(longest), mrkdwn(longest)]);

export const confirm = z.strictObject({
  title: plain(100),
  text: anyText(300),
  confirm: plain(30),
  deny: plain(30),
  style: z.enum(["primary", "danger"]).optional(),
});

export const option = z.strictObject({
  text: anyText(75),
  value: z.string().max(150),
  description: anyText(75).optional(),
  url: url.optional(),
});

export const optionGroup = z.strictObject({ label: plain(75), options: z.array(option).min(1).max(100) });

/** A picture's source: an address that Slack can reach, or a file that was uploaded to Slack. */
export const picture = {
  image_url: url.optional(),
  slack_file: z.union([z.strictObject({ id: z.string() }), z.strictObject({ url: z.string() })]).optional(),
};

export const hasOnePicture = (value: { image_url?: unknown; slack_file?: unknown }): boolean =>
  (value.image_url === undefined) !== (value.slack_file === undefined);
export const ONE_PICTURE = "must provide either image_url or slack_file";
