import { h } from "./dom.js";
import { dated, emoji, link, mention } from "./mrkdwn.js";

/** A rich_text block: words as they are, with styles beside them. Returns nodes. */
export function richText(block) {
  return (block?.elements ?? []).map((part) => {
    const spans = (part.elements ?? []).map(span);
    switch (part.type) {
      case "rich_text_list":
        return h(
          part.style === "ordered" ? "ol" : "ul",
          { class: "rich-list" },
          ...part.elements.map((one) => h("li", {}, ...one.elements.map(span))),
        );
      case "rich_text_preformatted":
        return h("pre", {}, ...spans);
      case "rich_text_quote":
        return h("blockquote", {}, ...spans);
      default:
        return h("span", { class: "rich" }, ...spans);
    }
  });
}

const TAGS = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };

function span(element) {
  let node = content(element);
  for (const [style, tag] of Object.entries(TAGS)) if (element.style?.[style]) node = h(tag, {}, node);
  return node;
}

function content(element) {
  switch (element.type) {
    case "text":
      return element.text;
    case "link":
      return link(element.url, element.text ?? element.url);
    case "user":
      return mention(element.user_id);
    case "usergroup":
      return h("span", { class: "mention" }, `@${element.usergroup_id}`);
    case "channel":
      return h("span", { class: "mention" }, "#staging");
    case "broadcast":
      return h("span", { class: "mention loud" }, `@${element.range}`);
    case "emoji":
      return emoji(element.name);
    case "date":
      return dated(element.timestamp, element.format, element.fallback);
    default:
      return "";
  }
}
