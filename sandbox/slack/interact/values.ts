import type { Control } from "./ids.ts";

type Json = Record<string, unknown>;
interface Option {
  readonly text: unknown;
  readonly value: string;
}

/** What a person chose, as a test or the page writes it: a text, an option's value, several of them, or nothing. */
export type Given = string | readonly string[] | null | undefined;

/**
 * The value of an element as Slack sends it in `view.state.values` and in `actions`:
 * https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload. Without a given one: its initial one.
 */
export function stateOf({ element }: Control, given: Given): Json {
  const type = String(element.type);
  const one = typeof given === "string" ? given : undefined;
  const many = Array.isArray(given) ? given.map(String) : one === undefined ? undefined : [one];
  const isCleared = given === null;
  const initial = (key: string) => (isCleared ? null : (element[key] ?? null));
  const options = optionsOf(element);
  const option = (value: string) => options.find((candidate) => candidate.value === value) ?? null;
  switch (type) {
    case "static_select":
    case "external_select":
    case "radio_buttons":
    case "overflow":
      return { type, selected_option: one === undefined ? initial("initial_option") : option(one) };
    case "checkboxes":
    case "multi_static_select": {
      const chosen = many?.flatMap((value) => option(value) ?? []);
      return { type, selected_options: chosen ?? (isCleared ? [] : (element.initial_options ?? [])) };
    }
    case "users_select":
      return { type, selected_user: one ?? initial("initial_user") };
    case "multi_users_select":
      return { type, selected_users: many ?? (isCleared ? [] : (element.initial_users ?? [])) };
    case "conversations_select":
      return { type, selected_conversation: one ?? initial("initial_conversation") };
    case "channels_select":
      return { type, selected_channel: one ?? initial("initial_channel") };
    case "datepicker":
      return { type, selected_date: one ?? initial("initial_date") };
    case "timepicker":
      return { type, selected_time: one ?? initial("initial_time") };
    case "datetimepicker":
      return { type, selected_date_time: one === undefined ? initial("initial_date_time") : Number(one) };
    case "rich_text_input":
      return { type, rich_text_value: one === undefined ? initial("initial_value") : asRichText(one) };
    default:
      // A text field that is left empty is null, not "".
      return { type, value: one === undefined ? initial("initial_value") : one === "" ? null : one };
  }
}

/** Whether the person has entered or chosen anything. */
export function isFilled(state: Json): boolean {
  return Object.entries(state).some(
    ([key, value]) => key !== "type" && value !== null && !(Array.isArray(value) && value.length === 0),
  );
}

function optionsOf(element: Json): readonly Option[] {
  const direct = (element.options ?? []) as Option[];
  const groups = (element.option_groups ?? []) as { options: Option[] }[];
  return [...direct, ...groups.flatMap((group) => group.options)];
}

function asRichText(text: string): object {
  return {
    type: "rich_text",
    elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }],
  };
}
