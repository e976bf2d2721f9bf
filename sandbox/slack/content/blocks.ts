import { z } from "zod";
import { accessory, actionElement, button, contextElement, image, inputElement } from "./elements.ts";
import { richText, richTextLine } from "./rich-text.ts";
import { anyText, hasOnePicture, id, mrkdwn, ONE_PICTURE, picture, plain, url } from "./text.ts";

/** Each block as https://docs.slack.dev/reference/block-kit/blocks has it, and `@slack/types` writes it. */
const block_id = id.optional();

const section = z
  .strictObject({
    type: z.literal("section"),
    block_id,
    text: anyText(3000).optional(),
    fields: z.array(anyText(2000)).min(1).max(10).optional(),
    accessory: accessory.optional(),
    expand: z.boolean().optional(),
  })
  .refine(({ text, fields }) => text !== undefined || fields !== undefined, {
    message: "must provide text or fields",
  });

const card = z.strictObject({
  type: z.literal("task_card"),
  block_id,
  task_id: z.string().min(1),
  title: z.string().min(1),
  status: z.enum(["pending", "in_progress", "complete", "error"]).optional(),
  details: richTextLine.optional(),
  output: richTextLine.optional(),
  sources: z
    .array(z.strictObject({ type: z.literal("url"), url, text: z.string(), icon_url: url.optional() }))
    .optional(),
});

const plan = z
  .strictObject({
    type: z.literal("plan"),
    block_id,
    title: z.string().min(1),
    /** Slack takes a task without its type here, as its own examples do. */
    tasks: z.array(card.extend({ type: z.literal("task_card").optional() })).optional(),
  })
  .refine(({ tasks = [] }) => isUnique(tasks.map((task) => task.task_id)), {
    message: "task_id must be unique",
  });

const rawCell = [
  z.strictObject({ type: z.literal("raw_text"), text: z.string().min(1) }),
  z.strictObject({ type: z.literal("raw_number"), value: z.number(), text: z.string().optional() }),
] as const;
const cell = z.discriminatedUnion("type", [...rawCell, richText]);
const MOST_TABLE_CHARACTERS = 10_000;

const isRectangle = (rows: readonly (readonly unknown[])[]): boolean =>
  rows.every((row) => row.length === rows[0]?.length);
const isShort = (rows: unknown): boolean => wordsOf(rows) <= MOST_TABLE_CHARACTERS;

const table = z.strictObject({
  type: z.literal("table"),
  block_id,
  rows: z
    .array(z.array(cell).min(1).max(20))
    .min(1)
    .max(100)
    .refine(isShort, { message: "a table takes 10000 characters" }),
  column_settings: z
    .array(
      z
        .strictObject({
          align: z.enum(["left", "center", "right"]).optional(),
          is_wrapped: z.boolean().optional(),
        })
        .nullable(),
    )
    .max(20)
    .optional(),
});

const dataTable = z.strictObject({
  type: z.literal("data_table"),
  block_id,
  caption: z.string().min(1),
  rows: z
    .array(z.array(cell).min(1).max(20))
    .min(2)
    .max(101)
    .refine(isRectangle, { message: "all rows must have the same number of cells" })
    .refine((rows) => rows[0]?.every((one) => one.type !== "rich_text"), {
      message: "a header cell cannot be rich_text",
    })
    .refine(isShort, { message: "a table takes 10000 characters" }),
  page_size: z.number().int().min(1).max(100).optional(),
  row_header_column_index: z.number().int().min(0).optional(),
});

const cardBlock = z.strictObject({
  type: z.literal("card"),
  block_id,
  hero_image: image.optional(),
  icon: image.optional(),
  title: mrkdwn(150).optional(),
  subtitle: mrkdwn(150).optional(),
  body: mrkdwn(200).optional(),
  actions: z.array(button).optional(),
});

const BLOCKS = [
  section,
  plan,
  card,
  table,
  dataTable,
  cardBlock,
  richText,
  z.strictObject({ type: z.literal("divider"), block_id }),
  z.strictObject({
    type: z.literal("header"),
    block_id,
    text: plain(150),
    level: z.number().int().optional(),
  }),
  z.strictObject({ type: z.literal("markdown"), block_id, text: z.string().min(1).max(12_000) }),
  z.strictObject({ type: z.literal("context"), block_id, elements: z.array(contextElement).min(1).max(10) }),
  z.strictObject({ type: z.literal("actions"), block_id, elements: z.array(actionElement).min(1).max(25) }),
  z
    .strictObject({
      type: z.literal("image"),
      block_id,
      ...picture,
      alt_text: z.string().max(2000),
      title: plain(2000).optional(),
    })
    .refine(hasOnePicture, { message: ONE_PICTURE }),
  z.strictObject({
    type: z.literal("input"),
    block_id,
    label: plain(2000),
    hint: plain(2000).optional(),
    optional: z.boolean().optional(),
    dispatch_action: z.boolean().optional(),
    element: inputElement,
  }),
  z.strictObject({
    type: z.literal("alert"),
    block_id,
    text: anyText(),
    level: z.enum(["default", "info", "warning", "error", "success"]).optional(),
  }),
  z.strictObject({ type: z.literal("carousel"), block_id, elements: z.array(cardBlock).min(1).max(10) }),
  z.strictObject({
    type: z.literal("context_actions"),
    block_id,
    elements: z
      .array(z.looseObject({ type: z.enum(["feedback_buttons", "icon_button"]) }))
      .min(1)
      .max(5),
  }),
  z.strictObject({
    type: z.literal("file"),
    block_id,
    source: z.literal("remote"),
    external_id: z.string(),
  }),
  z.looseObject({
    type: z.literal("container"),
    block_id,
    child_blocks: z.array(z.unknown()).min(1).max(10),
  }),
  z.looseObject({
    type: z.literal("video"),
    block_id,
    title: plain(199),
    video_url: url,
    alt_text: z.string(),
  }),
] as const;

export const block = z.discriminatedUnion("type", BLOCKS, {
  error: ({ input }) => `unsupported type: ${String((input as { type?: unknown } | null)?.type)}`,
});
export type Block = z.output<typeof block>;

export function isUnique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

/** The characters of all words in it, whatever its shape. */
export function wordsOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + wordsOf(one), 0);
  if (value === null || typeof value !== "object") return 0;
  return Object.entries(value).reduce(
    (sum, [key, one]) => sum + (key === "text" && typeof one === "string" ? one.length : wordsOf(one)),
    0,
  );
}
