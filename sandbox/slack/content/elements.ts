import { z } from "zod";
import {
  anyText,
  confirm,
  hasOnePicture,
  id,
  ONE_PICTURE,
  option,
  optionGroup,
  picture,
  plain,
  url,
} from "./text.ts";

/** https://docs.slack.dev/reference/block-kit/block-elements */
const common = {
  action_id: id.optional(),
  confirm: confirm.optional(),
  focus_on_load: z.boolean().optional(),
};
const placeholder = plain(150).optional();
const most = z.number().int().min(1).optional();
const options = z.array(option).min(1).max(100);
const groups = z.array(optionGroup).min(1).max(100);
const few = z.array(option).min(1).max(10);
const dispatch_action_config = z
  .strictObject({ trigger_actions_on: z.array(z.enum(["on_enter_pressed", "on_character_entered"])) })
  .optional();
const typed = { ...common, placeholder, dispatch_action_config };

export const button = z.strictObject({
  type: z.literal("button"),
  ...common,
  text: plain(75),
  url: url.optional(),
  value: z.string().max(2000).optional(),
  style: z.enum(["primary", "danger"]).optional(),
  accessibility_label: z.string().max(75).optional(),
});

export const image = z
  .strictObject({ type: z.literal("image"), ...picture, alt_text: z.string().max(2000) })
  .refine(hasOnePicture, { message: ONE_PICTURE });

const menus = [
  z.strictObject({
    type: z.literal("static_select"),
    ...common,
    placeholder,
    options: options.optional(),
    option_groups: groups.optional(),
    initial_option: option.optional(),
  }),
  z.strictObject({
    type: z.literal("multi_static_select"),
    ...common,
    placeholder,
    options: options.optional(),
    option_groups: groups.optional(),
    initial_options: z.array(option).min(1).optional(),
    max_selected_items: most,
  }),
  z.strictObject({
    type: z.literal("users_select"),
    ...common,
    placeholder,
    initial_user: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("multi_users_select"),
    ...common,
    placeholder,
    initial_users: z.array(z.string()).optional(),
    max_selected_items: most,
  }),
  z.strictObject({
    type: z.literal("conversations_select"),
    ...common,
    placeholder,
    initial_conversation: z.string().optional(),
    default_to_current_conversation: z.boolean().optional(),
    response_url_enabled: z.boolean().optional(),
    filter: z.looseObject({}).optional(),
  }),
  z.strictObject({
    type: z.literal("channels_select"),
    ...common,
    placeholder,
    initial_channel: z.string().optional(),
    response_url_enabled: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("external_select"),
    ...common,
    placeholder,
    initial_option: option.optional(),
    min_query_length: z.number().int().optional(),
  }),
  z.strictObject({
    type: z.literal("datepicker"),
    ...common,
    placeholder,
    initial_date: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("timepicker"),
    ...common,
    placeholder,
    initial_time: z.string().optional(),
    timezone: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("datetimepicker"),
    ...common,
    initial_date_time: z.number().int().optional(),
  }),
  z.strictObject({
    type: z.literal("radio_buttons"),
    ...common,
    options: few,
    initial_option: option.optional(),
  }),
  z.strictObject({
    type: z.literal("checkboxes"),
    ...common,
    options: few,
    initial_options: z.array(option).min(1).optional(),
  }),
] as const;

const richTextInput = z.strictObject({
  type: z.literal("rich_text_input"),
  ...typed,
  initial_value: z.looseObject({ type: z.literal("rich_text") }).optional(),
});

const overflow = z.strictObject({
  type: z.literal("overflow"),
  action_id: id.optional(),
  confirm: confirm.optional(),
  options: z.array(option).min(1).max(5),
});

const workflowButton = z.strictObject({
  type: z.literal("workflow_button"),
  action_id: id.optional(),
  text: plain(75),
  workflow: z.looseObject({}),
  style: z.enum(["primary", "danger"]).optional(),
  accessibility_label: z.string().max(75).optional(),
});

const fields = [
  z.strictObject({
    type: z.literal("plain_text_input"),
    ...typed,
    initial_value: z.string().max(3000).optional(),
    multiline: z.boolean().optional(),
    min_length: z.number().int().min(0).max(3000).optional(),
    max_length: z.number().int().min(1).max(3000).optional(),
  }),
  z.strictObject({
    type: z.literal("number_input"),
    ...typed,
    is_decimal_allowed: z.boolean(),
    initial_value: z.string().optional(),
    min_value: z.string().optional(),
    max_value: z.string().optional(),
  }),
  z.strictObject({ type: z.literal("email_text_input"), ...typed, initial_value: z.string().optional() }),
  z.strictObject({ type: z.literal("url_text_input"), ...typed, initial_value: z.string().optional() }),
  z.strictObject({
    type: z.literal("file_input"),
    action_id: id.optional(),
    filetypes: z.array(z.string()).optional(),
    max_files: z.number().int().min(1).max(10).optional(),
  }),
] as const;

/** What an actions block may hold. */
export const actionElement = z.discriminatedUnion("type", [
  button,
  ...menus,
  overflow,
  workflowButton,
  richTextInput,
]);
/** What may stand beside a section's text. */
export const accessory = z.discriminatedUnion("type", [button, ...menus, overflow, workflowButton, image]);
/** What an input block may hold. */
export const inputElement = z.discriminatedUnion("type", [...menus, ...fields, richTextInput]);

export const contextElement = z.union([image, anyText()]);
