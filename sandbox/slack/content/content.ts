import { parsedParameter } from "../parameters.ts";
import { blockProblems, checkView } from "./check.ts";

/**
 * The limits of what a message or view may hold.
 * Sources: https://docs.slack.dev/reference/methods/chat.update ("msg_too_long": 4,000 characters),
 * chat.postMessage (40,000 characters, beyond which Slack cuts; the front refuses, so that a cut is noticed),
 * https://docs.slack.dev/messaging/message-metadata, https://docs.slack.dev/surfaces/modals.
 * The sum over all blocks is undocumented; about 13,200 characters was measured (slackapi/bolt-js#2509).
 */
const LONGEST_POST = 40_000;
const LONGEST_UPDATE = 4_000;
const ALL_BLOCKS_CHARACTERS = 13_000;
const METADATA_BYTES = 8 * 1024;
const VIEW_BYTES = 250_000;
const MOST_ATTACHMENTS = 100;

type Json = Record<string, unknown>;

export interface ContentError {
  readonly error: string;
  /** Slack's `response_metadata.messages`. */
  readonly messages: readonly string[];
}

/** What Slack would refuse in this call's text, blocks, view or metadata; undefined when nothing. */
export function contentError(method: string, parameters: Json): ContentError | undefined {
  switch (method) {
    case "chat.postMessage":
    case "chat.postEphemeral":
    case "response_url":
      return messageError(parameters, LONGEST_POST);
    case "chat.update":
      return messageError(parameters, LONGEST_UPDATE);
    case "chat.unfurl":
      return unfurlError(parsedParameter(parameters.unfurls));
    case "views.publish":
      return viewError(parsedParameter(parameters.view), "home");
    case "views.open":
    case "views.push":
      return viewError(parsedParameter(parameters.view), "modal");
    case "views.update": {
      const view = parsedParameter(parameters.view);
      return viewError(view, (view as Json | null)?.type === "home" ? "home" : "modal");
    }
    default:
      return undefined;
  }
}

function messageError(parameters: Json, longest: number): ContentError | undefined {
  const text = typeof parameters.text === "string" ? parameters.text : "";
  if (text.length > longest) return refusal("msg_too_long");
  const given = parameters.blocks;
  if (given !== undefined && given !== "" && given !== null) {
    const blocks = parsedParameter(given);
    if (!Array.isArray(blocks)) return refusal("invalid_blocks_format");
    const problems = blockProblems(blocks, "message");
    if (problems.length > 0) return refusal("invalid_blocks", problems);
    if (JSON.stringify(blocks).length > ALL_BLOCKS_CHARACTERS) return refusal("msg_blocks_too_long");
  }
  return attachmentError(parsedParameter(parameters.attachments)) ?? metadataError(parameters.metadata);
}

function attachmentError(attachments: unknown): ContentError | undefined {
  if (attachments === undefined || attachments === null || attachments === "") return undefined;
  if (!Array.isArray(attachments)) return refusal("invalid_attachments");
  if (attachments.length > MOST_ATTACHMENTS) return refusal("too_many_attachments");
  for (const [index, one] of attachments.entries()) {
    if (one === null || typeof one !== "object") return refusal("invalid_attachments");
    const { blocks } = one as Json;
    if (blocks === undefined) continue;
    const problems = blockProblems(blocks, "message", `/attachments/${index}/blocks`);
    if (problems.length > 0) return refusal("invalid_attachments", problems);
  }
  return undefined;
}

function metadataError(given: unknown): ContentError | undefined {
  if (given === undefined || given === "" || given === null) return undefined;
  const metadata = parsedParameter(given);
  if (metadata === null || typeof metadata !== "object") return refusal("invalid_metadata_format");
  const { event_type: type, event_payload: payload, ...rest } = metadata as Json;
  const hasPayload = payload !== null && typeof payload === "object" && !Array.isArray(payload);
  if (typeof type !== "string" || type === "" || !hasPayload || Object.keys(rest).length > 0) {
    return refusal("invalid_metadata_schema");
  }
  if (Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES) return refusal("metadata_too_large");
  return undefined;
}

/** `unfurls` maps each address to an attachment, of blocks or of the older kind. */
function unfurlError(unfurls: unknown): ContentError | undefined {
  if (unfurls === null || typeof unfurls !== "object") return refusal("missing_unfurls");
  return attachmentError(Object.values(unfurls));
}

function viewError(view: unknown, type: "modal" | "home"): ContentError | undefined {
  const checked = checkView(view, type);
  if ("length" in checked) return refusal("invalid_arguments", checked);
  return Buffer.byteLength(JSON.stringify(view)) > VIEW_BYTES ? refusal("view_too_large") : undefined;
}

function refusal(error: string, messages: readonly string[] = []): ContentError {
  return { error, messages };
}
