import { z } from "zod";
import { type Block, block, isUnique } from "./blocks.ts";
import { id, plain } from "./text.ts";

/** A surface on which blocks stand; each takes other blocks, and another number of them. */
export type Surface = "message" | "modal" | "home";

const MOST: Record<Surface, number> = { message: 50, modal: 100, home: 100 };
/** By the "Available in surfaces" of each block's page. */
const ONLY_MODALS = new Set(["alert"]);
const ONLY_MESSAGES = new Set("plan task_card markdown table context_actions card carousel file".split(" "));
/** The limit of the sum over all markdown blocks of one message. */
const MARKDOWN = 12_000;

/** What Slack would say against these blocks, in its words; empty when nothing. */
export function blockProblems(blocks: unknown, surface: Surface, pointer = "/blocks"): string[] {
  if (!Array.isArray(blocks)) return [said("must be an array", pointer)];
  if (blocks.length > MOST[surface]) return [said(`no more than ${MOST[surface]} items allowed`, pointer)];
  const parsed = z.array(block).safeParse(blocks);
  if (!parsed.success) return parsed.error.issues.flatMap((issue) => spoken(issue, pointer));
  return [...placeProblems(parsed.data, surface, pointer), ...idProblems(parsed.data, pointer)];
}

function placeProblems(blocks: readonly Block[], surface: Surface, pointer: string): string[] {
  const problems: string[] = [];
  const count = (type: string) => blocks.filter((one) => one.type === type).length;
  const wrong = surface === "modal" ? ONLY_MESSAGES : surface === "message" ? ONLY_MODALS : undefined;
  blocks.forEach((one, index) => {
    const isWrong = wrong?.has(one.type) ?? (ONLY_MESSAGES.has(one.type) || ONLY_MODALS.has(one.type));
    if (isWrong) problems.push(said(`${one.type} is not for a ${surface}`, `${pointer}/${index}`));
  });
  if (count("plan") > 0 && count("task_card") > 0) {
    problems.push(said("a message carries a plan or task cards, not both", pointer));
  }
  if (count("table") > 1) problems.push(said("only one table is allowed", pointer));
  const markdown = blocks.reduce((sum, one) => sum + (one.type === "markdown" ? one.text.length : 0), 0);
  if (markdown > MARKDOWN) problems.push(said(`no more than ${MARKDOWN} characters of markdown`, pointer));
  return problems;
}

function idProblems(blocks: readonly Block[], pointer: string): string[] {
  const problems: string[] = [];
  const given = blocks.flatMap((one) => ("block_id" in one && one.block_id ? [one.block_id] : []));
  if (!isUnique(given)) problems.push(said("block_id must be unique", pointer));
  blocks.forEach((one, index) => {
    const elements = one.type === "actions" ? one.elements : [];
    const actions = elements.flatMap((element) => element.action_id ?? []);
    if (!isUnique(actions)) {
      problems.push(said("action_id must be unique within a block", `${pointer}/${index}/elements`));
    }
  });
  return problems;
}

const view = {
  blocks: z.array(z.unknown()),
  private_metadata: z.string().max(3000).optional(),
  callback_id: id.optional(),
  external_id: id.optional(),
};
const viewSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("modal"),
    ...view,
    title: plain(24),
    submit: plain(24).nullable().optional(),
    close: plain(24).nullable().optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
    submit_disabled: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("home"), ...view }),
]);
export type ViewContent = z.output<typeof viewSchema>;

/** The view, or what Slack would say against it. */
export function checkView(value: unknown, type: "modal" | "home"): ViewContent | readonly string[] {
  const parsed = viewSchema.safeParse(value);
  if (!parsed.success) return parsed.error.issues.flatMap((issue) => spoken(issue, "/view"));
  if (parsed.data.type !== type) return [said(`must be of type ${type}`, "/view/type")];
  const problems = blockProblems(parsed.data.blocks, type, "/view/blocks");
  const asks = parsed.data.blocks.some((one) => (one as Block | null)?.type === "input");
  if (problems.length === 0 && parsed.data.type === "modal" && asks && !parsed.data.submit) {
    problems.push(said("missing required field: submit, as there are input blocks", "/view/submit"));
  }
  return problems.length > 0 ? problems : parsed.data;
}

/** A finding as Slack writes it into `response_metadata.messages`. */
function spoken(issue: z.core.$ZodIssue, pointer: string): string[] {
  const where = [pointer, ...issue.path.map(String)].join("/");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => said(`invalid additional property: ${key}`, `${where}/${key}`));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return issue.errors.flatMap((branch) => branch.flatMap((one) => spoken(one, where))).slice(0, 3);
  }
  if (issue.code === "too_big")
    return [said(`must be no more than ${issue.maximum} ${unitOf(issue)}`, where)];
  if (issue.code === "too_small") return [said(`must be at least ${issue.minimum} ${unitOf(issue)}`, where)];
  if (issue.code === "invalid_type" && issue.input === undefined) return [said("missing or wrong", where)];
  return [said(issue.message, where)];
}

function unitOf({ origin }: { origin: string }): string {
  return origin === "string" ? "characters" : origin === "array" ? "items" : "";
}

function said(what: string, pointer: string): string {
  return `[ERROR] ${what.trim()} [json-pointer:${pointer}]`;
}
