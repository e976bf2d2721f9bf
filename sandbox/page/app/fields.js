import { h } from "./dom.js";
import { optionsOf } from "./elements.js";

/** A modal's input block: its label, its field, its hint, and room for what is wrong with it. */
export function field(block, kept) {
  const { element } = block;
  const id = `field-${block.block_id}`;
  const hint = block.hint ? h("small", { id: `${id}-hint` }, block.hint.text) : null;
  const many = ["checkboxes", "radio_buttons"].includes(element.type);
  const label = [block.label.text, block.optional ? h("span", { class: "optional" }, " (optional)") : null];
  const control = many ? choices(element, id, kept) : single(element, id, kept, Boolean(hint));
  return h(
    many ? "fieldset" : "div",
    { class: "input", "data-block": block.block_id, "data-type": element.type },
    many ? h("legend", {}, ...label) : h("label", { for: id }, ...label),
    control,
    hint,
    h("p", { class: "field-error", role: "alert" }),
  );
}

/** What was entered or chosen: a text, several values, or nothing. */
export function entered(box) {
  const type = box.dataset.type;
  if (type === "checkboxes" || type === "radio_buttons") {
    const values = [...box.querySelectorAll("input:checked")].map((input) => input.value);
    return type === "checkboxes" ? values : (values[0] ?? null);
  }
  const control = box.querySelector("input, select, textarea");
  if (control.multiple) return [...control.selectedOptions].map((option) => option.value);
  return control.value === "" ? null : control.value;
}

const TYPES = {
  number_input: "number",
  email_text_input: "email",
  url_text_input: "url",
  datepicker: "date",
  timepicker: "time",
};

function single(element, id, kept, hasHint) {
  const common = { id, "aria-describedby": hasHint ? `${id}-hint` : null };
  if (element.type.includes("select")) return menu(element, common, kept);
  const initial = kept ?? element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  const placeholder = element.placeholder?.text;
  const length = { maxlength: element.max_length, minlength: element.min_length };
  if (element.multiline) return h("textarea", { ...common, ...length, placeholder, rows: 3 }, initial);
  const type = TYPES[element.type] ?? "text";
  return h("input", { ...common, ...length, type, placeholder, value: initial });
}

function menu(element, common, kept) {
  const isMany = element.type.startsWith("multi_");
  const initial = kept ?? element.initial_option?.value ?? element.initial_user ?? null;
  const initials = isMany
    ? (kept ?? (element.initial_options ?? []).map((option) => option.value))
    : [initial];
  return h(
    "select",
    { ...common, multiple: isMany },
    isMany ? null : h("option", { value: "" }, element.placeholder?.text ?? "Choose"),
    ...optionsOf(element).map(({ value, text }) =>
      h("option", { value, selected: initials.includes(value) }, text),
    ),
  );
}

function choices(element, id, kept) {
  const type = element.type === "checkboxes" ? "checkbox" : "radio";
  const initial = element.initial_options ?? (element.initial_option ? [element.initial_option] : []);
  const chosen = kept ?? initial.map((option) => option.value);
  return h(
    "div",
    { class: "choices" },
    ...optionsOf(element).map(({ value, text }) =>
      h("label", {}, h("input", { type, name: id, value, checked: chosen.includes(value) }), text),
    ),
  );
}
