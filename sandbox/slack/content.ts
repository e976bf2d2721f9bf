/**
 * The limits of what a message or view may hold.
 * Sources: https://docs.slack.dev/reference/block-kit/blocks (each block's own page),
 * https://docs.slack.dev/reference/methods/chat.update ("msg_too_long": 4,000 characters),
 * chat.postMessage (40,000 characters, beyond which Slack cuts; the front refuses, so that a cut is noticed).
 * The sum over all blocks is undocumented; about 13,200 characters was measured (slackapi/bolt-js#2509).
 */
const LONGEST_POST = 40_000;
const LONGEST_UPDATE = 4_000;
const MESSAGE_BLOCKS = 50;
const VIEW_BLOCKS = 100;
const ALL_BLOCKS_CHARACTERS = 13_000;

const BLOCK_TYPES = new Set([
  ..."actions alert card carousel container context context_actions data_table divider file header".split(
    " ",
  ),
  ..."image input markdown plan rich_text section table task_card video".split(" "),
]);
/** Blocks that belong in modals alone. */
const MODAL_ONLY = new Set(["alert"]);
const TASK_STATES = new Set(["pending", "in_progress", "complete", "error"]);

type Json = Record<string, unknown>;

export interface ContentError {
  readonly error: "msg_too_long" | "invalid_blocks" | "msg_blocks_too_long" | "no_text";
  /** Slack's `response_metadata.messages`. */
  readonly messages: readonly string[];
}

/** What Slack would refuse in this call's text and blocks; undefined when nothing. */
export function contentError(method: string, parameters: Json): ContentError | undefined {
  const text = typeof parameters.text === "string" ? parameters.text : "";
  const isPost = method === "chat.postMessage" || method === "chat.postEphemeral";
  const isUpdate = method === "chat.update";
  if (isPost && text.length > LONGEST_POST) return { error: "msg_too_long", messages: [] };
  if (isUpdate && text.length > LONGEST_UPDATE) return { error: "msg_too_long", messages: [] };
  if ((isPost || isUpdate) && parameters.blocks !== undefined && parameters.blocks !== "") {
    const problems = blockProblems(parseBlocks(parameters.blocks), MESSAGE_BLOCKS, false);
    if (problems.length > 0) return { error: "invalid_blocks", messages: problems };
    if (JSON.stringify(parseBlocks(parameters.blocks)).length > ALL_BLOCKS_CHARACTERS) {
      return { error: "msg_blocks_too_long", messages: [] };
    }
  }
  if (method.startsWith("views.") && parameters.view !== undefined) {
    const view = parseObject(parameters.view);
    const problems = blockProblems(view?.blocks, VIEW_BLOCKS, view?.type === "modal");
    if (problems.length > 0) return { error: "invalid_blocks", messages: problems };
  }
  return undefined;
}

function blockProblems(blocks: unknown, atMost: number, modal: boolean): string[] {
  if (!Array.isArray(blocks)) return ["[ERROR] blocks must be an array"];
  if (blocks.length > atMost) return [`[ERROR] no more than ${atMost} items allowed [json-pointer:/blocks]`];
  const ids = blocks.map((block: Json) => block?.block_id).filter((id) => typeof id === "string");
  const problems = ids.length === new Set(ids).size ? [] : ["[ERROR] block_id must be unique"];
  blocks.forEach((block: unknown, index) => {
    const where = `[json-pointer:/blocks/${index}]`;
    for (const problem of oneBlock(block, modal)) problems.push(`[ERROR] ${problem} ${where}`);
  });
  if (
    blocks.some((block: Json) => block?.type === "plan") &&
    blocks.some((b: Json) => b?.type === "task_card")
  ) {
    problems.push("[ERROR] a message carries a plan or task cards, not both");
  }
  return problems;
}

function oneBlock(block: unknown, modal: boolean): string[] {
  if (block === null || typeof block !== "object") return ["a block must be an object"];
  const { type, ...fields } = block as Json;
  if (typeof type !== "string" || !BLOCK_TYPES.has(type)) return [`unsupported type: ${String(type)}`];
  if (MODAL_ONLY.has(type) && !modal) return [`unsupported type: ${type} is for modals`];
  const problems: string[] = [];
  const longest = (value: unknown, name: string, characters: number) => {
    if (typeof value === "string" && value.length > characters) {
      problems.push(`must be no more than ${characters} characters [${name}]`);
    }
  };
  const most = (value: unknown, name: string, count: number) => {
    if (Array.isArray(value) && value.length > count)
      problems.push(`no more than ${count} items allowed [${name}]`);
  };
  longest(fields.block_id, "block_id", 255);
  if (type === "section") {
    if (!fields.text && !fields.fields) problems.push("a section needs text or fields");
    longest(textOf(fields.text), "text", 3000);
    if (fields.text && textOf(fields.text) === "") problems.push("must be more than 0 characters [text]");
    most(fields.fields, "fields", 10);
    for (const field of listOf(fields.fields)) longest(textOf(field), "fields", 2000);
  }
  if (type === "header") longest(textOf(fields.text), "text", 150);
  if (type === "markdown") longest(fields.text, "text", 12_000);
  if (type === "context") {
    most(fields.elements, "elements", 10);
    for (const element of listOf(fields.elements)) longest(textOf(element), "elements", 3000);
  }
  if (type === "actions") {
    most(fields.elements, "elements", 25);
    for (const element of listOf(fields.elements)) problems.push(...button(element));
  }
  if (type === "image" && typeof fields.alt_text !== "string")
    problems.push("missing required field: alt_text");
  if (type === "task_card") problems.push(...taskCard(fields));
  if (type === "plan") {
    if (typeof fields.title !== "string") problems.push("missing required field: title");
    for (const task of listOf(fields.tasks)) problems.push(...taskCard(task as Json));
  }
  return problems;
}

function button(element: unknown): string[] {
  const { type, text, action_id, value } = (element ?? {}) as Json;
  if (type !== "button") return [];
  const problems: string[] = [];
  if ((textOf(text) ?? "").length > 75) problems.push("must be no more than 75 characters [button text]");
  if (typeof action_id === "string" && action_id.length > 255) problems.push("action_id too long");
  if (typeof value === "string" && value.length > 2000) problems.push("value too long");
  return problems;
}

function taskCard(card: Json): string[] {
  const problems: string[] = [];
  if (typeof card?.task_id !== "string") problems.push("missing required field: task_id");
  if (typeof card?.title !== "string") problems.push("missing required field: title");
  if (card?.status !== undefined && !TASK_STATES.has(String(card.status))) {
    problems.push(`invalid status: ${String(card.status)}`);
  }
  return problems;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (value === null || typeof value !== "object") return undefined;
  const text = (value as Json).text;
  return typeof text === "string" ? text : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parseBlocks(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function parseObject(value: unknown): Json | undefined {
  const parsed = parseBlocks(value);
  return parsed !== null && typeof parsed === "object" ? (parsed as Json) : undefined;
}
