import { h } from "./dom.js";
import { control } from "./elements.js";
import { mrkdwn, plain } from "./mrkdwn.js";
import { plan, taskCard } from "./plan.js";
import { richText } from "./rich-text.js";
import { pictureOf } from "./server.js";

/** Text with markup or without. */
export function words(text) {
  if (typeof text === "string") return [text];
  if (!text) return [];
  return text.type === "mrkdwn" ? mrkdwn(text.text) : [plain(text.text)];
}

/**
 * @param act What a press or a choice does: `act({actionId, blockId, value})`. Without it nothing can be pressed.
 */
export function blocks(list, act) {
  return list.map((block, index) => one({ ...block, block_id: block.block_id ?? `block-${index}` }, act));
}

function one(block, act) {
  switch (block.type) {
    case "section":
      return section(block, act);
    case "header":
      return h("h3", { class: "block-header" }, ...words(block.text));
    case "context":
      return h("div", { class: "block-context" }, ...block.elements.map(contextPart));
    case "divider":
      return h("hr");
    case "image":
      return image(block);
    case "actions":
      return h(
        "div",
        { class: "block-actions" },
        ...block.elements.map((element) => control(element, block, act)),
      );
    case "rich_text":
      return h("div", { class: "block-rich" }, ...richText(block));
    case "markdown":
      return h("div", { class: "block-section" }, block.text);
    case "plan":
      return plan(block);
    case "task_card":
      return h("ol", { class: "cards" }, taskCard(block));
    case "table":
    case "data_table":
      return table(block);
    case "alert":
      return h("p", { class: `alert ${block.level ?? "info"}` }, ...words(block.text));
    default:
      return h("p", { class: "quiet" }, `(${block.type})`);
  }
}

function section(block, act) {
  const text = block.text ? h("div", { class: "text" }, ...words(block.text)) : null;
  const fields = block.fields
    ? h("div", { class: "fields" }, ...block.fields.map((field) => h("div", {}, ...words(field))))
    : null;
  const beside = block.accessory ? control(block.accessory, block, act) : null;
  return h("div", { class: "block-section" }, h("div", { class: "wide" }, text, fields), beside);
}

function contextPart(element) {
  if (element.type !== "image") return h("span", {}, ...words(element));
  return h("img", { class: "tiny", src: pictureOf(element.image_url), alt: element.alt_text });
}

function image(block) {
  const source = block.image_url ?? block.slack_file?.url;
  const title = block.title ? h("figcaption", {}, ...words(block.title)) : null;
  const shown = source
    ? h("img", { src: pictureOf(source), alt: block.alt_text, loading: "lazy" })
    : h("p", { class: "quiet" }, block.alt_text);
  return h("figure", { class: "block-image" }, title, shown);
}

function table(block) {
  const [head, ...rows] = block.rows;
  const cell = (tag) => (value, column) =>
    h(
      tag,
      { class: block.column_settings?.[column]?.align },
      ...(value.type === "rich_text" ? richText(value) : [value.text ?? String(value.value)]),
    );
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      {},
      block.caption ? h("caption", {}, block.caption) : null,
      h("thead", {}, h("tr", {}, ...head.map(cell("th")))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell("td"))))),
    ),
  );
}
