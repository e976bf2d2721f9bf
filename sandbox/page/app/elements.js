import { words } from "./blocks.js";
import { confirmed } from "./confirm.js";
import { h } from "./dom.js";
import { state } from "./state.js";

/** An interactive element that acts at once: a button, a menu. */
export function control(element, block, act) {
  const place = { actionId: element.action_id, blockId: block.block_id };
  switch (element.type) {
    case "button":
      return button(element, place, act);
    case "image":
      return null;
    case "overflow":
    case "static_select":
    case "radio_buttons":
    case "users_select":
      return menu(element, place, act);
    default:
      return null;
  }
}

function button(element, place, act) {
  const label = element.text.text;
  const made = h(
    "button",
    {
      type: "button",
      class: element.style ?? "plain",
      disabled: !act,
      "data-focus": `${place.blockId}/${place.actionId}/${element.value ?? ""}`,
      "data-action": place.actionId,
      "aria-label": element.accessibility_label,
    },
    ...words(element.text),
  );
  made.addEventListener("click", async () => {
    if (element.confirm && !(await confirmed(element.confirm))) return;
    if (element.url) window.open(element.url, "_blank", "noopener");
    made.disabled = true;
    made.classList.add("busy");
    await act({ ...place, value: element.value, label });
    made.disabled = false;
    made.classList.remove("busy");
  });
  return made;
}

function menu(element, place, act) {
  const label = element.placeholder?.text ?? (element.type === "overflow" ? "More" : "Choose");
  const made = h(
    "select",
    { "aria-label": label, disabled: !act, "data-action": place.actionId },
    h("option", { value: "" }, element.type === "overflow" ? "⋯" : label),
    ...optionsOf(element).map(({ value, text }) =>
      h("option", { value, selected: element.initial_option?.value === value }, text),
    ),
  );
  made.addEventListener("change", async () => {
    if (made.value === "") return;
    if (element.confirm && !(await confirmed(element.confirm))) return;
    await act({ ...place, value: made.value, label });
    if (element.type === "overflow") made.value = "";
  });
  return made;
}

/** The choices of a menu, groups and people too. */
export function optionsOf(element) {
  if (element.type.includes("users_select")) {
    return state.facts.people.map(({ id, name }) => ({ value: id, text: name }));
  }
  const all = [
    ...(element.options ?? []),
    ...(element.option_groups ?? []).flatMap((group) => group.options),
  ];
  return all.map(({ value, text }) => ({ value, text: text.text }));
}
