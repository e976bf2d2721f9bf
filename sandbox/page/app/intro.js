import { type } from "./composer.js";
import { h } from "./dom.js";

const EXAMPLES = [
  ["launch stg1 --tests none", "a slot with the newest commit, in about ten seconds"],
  ["launch stg2 --keep 10m", "with its browser tests, and it stays"],
  ["status", "who has what"],
  ["lock stg3 --reason demo", "hold a slot without launching"],
  ["help", "everything else"],
];

/** What a newcomer reads first. */
export function intro(isDirect) {
  if (isDirect) {
    return [
      h("h2", {}, "Slipway and you"),
      h(
        "p",
        {},
        "What concerns you alone comes here: your turn, your slot taken over, your environment about to end.",
      ),
    ];
  }
  return [
    h("h2", {}, "Launch a staging slot from chat"),
    h(
      "p",
      {},
      "Type ",
      h("code", {}, "/stg launch stg1"),
      " below, or press one of these. Slipway locks the slot, launches a machine, updates it, tests it, reports here, and always cleans up.",
    ),
    h(
      "ul",
      { class: "examples" },
      ...EXAMPLES.map(([text, does]) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", onclick: () => type(`/stg ${text}`, true) },
            h("code", {}, `/stg ${text}`),
          ),
          h("span", {}, does),
        ),
      ),
    ),
  ];
}
