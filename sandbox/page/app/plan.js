import { h } from "./dom.js";
import { richText } from "./rich-text.js";

const STATES = {
  pending: { sign: "", words: "not begun" },
  in_progress: { sign: "", words: "in progress" },
  complete: { sign: "✓", words: "complete" },
  error: { sign: "!", words: "failed" },
};

/** A plan: its title, and a card per task. */
export function plan(block) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((task) => task.status === "complete").length;
  return h(
    "section",
    { class: "plan", "aria-label": `Plan: ${block.title}` },
    h(
      "header",
      {},
      h("span", { class: "plan-title" }, block.title),
      h("span", { class: "plan-count" }, `${done} of ${tasks.length}`),
    ),
    h("ol", { class: "cards" }, ...tasks.map(taskCard)),
  );
}

export function taskCard(task) {
  const status = STATES[task.status] ? task.status : "pending";
  const { sign, words } = STATES[status];
  const body = [task.details, task.output].filter(Boolean);
  return h(
    "li",
    { class: `card ${status}`, "data-status": status },
    h("span", { class: "mark", role: "img", "aria-label": words }, sign),
    h(
      "div",
      { class: "card-body" },
      h("span", { class: "card-title" }, task.title),
      ...body.map((part, index) =>
        h("div", { class: index === 0 && task.details ? "details" : "output" }, ...richText(part)),
      ),
    ),
  );
}
