import { z } from "zod";
import { id } from "./text.ts";

/** https://docs.slack.dev/reference/block-kit/blocks/rich-text-block */
const style = z
  .strictObject({
    bold: z.boolean(),
    italic: z.boolean(),
    strike: z.boolean(),
    code: z.boolean(),
    underline: z.boolean(),
    highlight: z.boolean(),
    client_highlight: z.boolean(),
    unlink: z.boolean(),
  })
  .partial()
  .optional();

const inline = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text"), text: z.string().min(1), style }),
  z.strictObject({
    type: z.literal("link"),
    url: z.string().min(1),
    text: z.string().optional(),
    unsafe: z.boolean().optional(),
    style,
  }),
  z.strictObject({
    type: z.literal("emoji"),
    name: z.string().min(1),
    unicode: z.string().optional(),
    skin_tone: z.number().optional(),
    style,
  }),
  z.strictObject({ type: z.literal("user"), user_id: z.string(), style }),
  z.strictObject({ type: z.literal("usergroup"), usergroup_id: z.string(), style }),
  z.strictObject({ type: z.literal("channel"), channel_id: z.string(), style }),
  z.strictObject({ type: z.literal("team"), team_id: z.string(), style }),
  z.strictObject({
    type: z.literal("broadcast"),
    range: z.enum(["here", "channel", "everyone"]),
    style,
  }),
  z.strictObject({ type: z.literal("color"), value: z.string(), style }),
  z.strictObject({
    type: z.literal("date"),
    timestamp: z.number(),
    format: z.string(),
    url: z.string().optional(),
    fallback: z.string().optional(),
    style,
  }),
]);

const border = z.union([z.literal(0), z.literal(1)]).optional();
const section = z.strictObject({ type: z.literal("rich_text_section"), elements: z.array(inline) });
const part = z.discriminatedUnion("type", [
  section,
  z.strictObject({
    type: z.literal("rich_text_list"),
    style: z.enum(["bullet", "ordered"]),
    elements: z.array(section),
    indent: z.number().int().min(0).max(8).optional(),
    offset: z.number().int().min(0).optional(),
    border,
  }),
  z.strictObject({
    type: z.literal("rich_text_preformatted"),
    elements: z.array(inline),
    border,
    language: z.string().optional(),
  }),
  z.strictObject({ type: z.literal("rich_text_quote"), elements: z.array(inline), border }),
]);

const shape = { type: z.literal("rich_text"), block_id: id.optional() };
export const richText = z.strictObject({ ...shape, elements: z.array(part) });
/** As the details and the output of a task card have it: one element, no more. */
export const richTextLine = z.strictObject({ ...shape, elements: z.array(part).length(1) });
