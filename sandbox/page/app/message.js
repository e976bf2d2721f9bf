import { blocks } from "./blocks.js";
import { announce, h, timeOf } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { pictureOf, press, troubleOf } from "./server.js";
import { change, state } from "./state.js";

/** One message, with what is below it: files, what links became, its thread. */
export function message(one, { channel, inThread = false }) {
  const act = async (input) => {
    const { label, ...action } = input;
    const answer = await press({ user: state.user, channel, messageTs: one.ts, ...action });
    const trouble = troubleOf(answer);
    announce(trouble ?? `${label}: sent.`);
    if (trouble) note.textContent = trouble;
  };
  const note = h("p", { class: "trouble" });
  const body = one.blocks?.length
    ? h("div", { class: "blocks" }, ...blocks(one.blocks, act))
    : h("div", { class: "text" }, ...mrkdwn(one.text));
  return h(
    "li",
    { class: one.onlyFor ? "message alone" : "message", "data-ts": one.ts },
    h("span", { class: `face ${faceOf(one)}`, "aria-hidden": "true" }, initial(one)),
    h(
      "article",
      { "aria-label": `${one.name}, ${timeOf(one.ts)}` },
      one.onlyFor ? h("p", { class: "only" }, "Only visible to you") : null,
      h(
        "header",
        {},
        h("b", { class: "name" }, one.name),
        one.user === "U0SLIPWAY" ? h("span", { class: "app" }, "APP") : null,
        h("time", { datetime: new Date(Number(one.ts) * 1000).toISOString() }, timeOf(one.ts)),
        one.editedTs
          ? h("span", { class: "edited", title: `edited ${timeOf(one.editedTs)}` }, "(edited)")
          : null,
      ),
      body,
      ...one.attachments.map(attachment),
      ...one.files.map(file),
      note,
      inThread ? null : replies(one),
    ),
  );
}

function replies(one) {
  const count = one.thread.filter(isVisible).length;
  if (count === 0) return null;
  const last = one.thread.at(-1);
  return h(
    "button",
    {
      type: "button",
      class: "replies",
      "data-focus": `replies-${one.ts}`,
      onclick: () => change({ thread: one.ts }),
    },
    h("b", {}, count === 1 ? "1 reply" : `${count} replies`),
    h("span", {}, `last ${timeOf(last.ts)}`),
  );
}

/** What a person may see in a thread. */
export function isVisible(one) {
  const id = state.facts?.people.find((person) => person.name === state.user)?.id;
  return one.onlyFor === null || one.onlyFor === id;
}

function attachment(one) {
  const body = one.blocks
    ? blocks(one.blocks)
    : [h("div", { class: "text" }, ...mrkdwn(one.text ?? one.fallback ?? ""))];
  return h("div", { class: "attachment" }, one.title ? h("b", {}, one.title) : null, ...body);
}

function file(one) {
  const name = one.title || one.name;
  const isPicture = /^image\/(png|jpeg|gif|webp)/.test(one.mimetype ?? "");
  if (!isPicture) return h("p", { class: "file" }, `📄 ${name}`);
  const source = pictureOf(one.url_private);
  return h(
    "figure",
    { class: "file" },
    h("figcaption", {}, name),
    h(
      "a",
      { href: source, target: "_blank", rel: "noopener" },
      h("img", { src: source, alt: one.alt_txt || name }),
    ),
  );
}

function initial({ user, name }) {
  return user === "U0SLIPWAY" ? "" : (name[0] ?? "?").toUpperCase();
}

function faceOf({ user, name }) {
  return user === "U0SLIPWAY" ? "bot" : `face-${name}`;
}
