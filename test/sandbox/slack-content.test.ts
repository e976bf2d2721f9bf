import { describe, expect, test } from "vitest";
import { contentError } from "../../sandbox/slack/content/content.ts";

/** Slack's published limits: one case at each limit, which passes, and one beyond it, which does not. */
type Block = Record<string, unknown>;

const plain = (text: string) => ({ type: "plain_text", text });
const mrkdwn = (text: string) => ({ type: "mrkdwn", text });
const x = (count: number) => "x".repeat(count);
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

const errorOf = (...blocks: Block[]) => contentError("chat.postMessage", { text: "t", blocks });
const button = (more: Block = {}) => ({ type: "button", text: plain("Go"), ...more });
const actions = (...elements: Block[]) => ({ type: "actions", elements });
const rich = (...texts: string[]) => ({
  type: "rich_text",
  elements: texts.map((text) => ({ type: "rich_text_section", elements: [{ type: "text", text }] })),
});
const task = (more: Block = {}) => ({
  type: "task_card",
  task_id: "1",
  title: "Launch",
  status: "complete",
  ...more,
});
const plan = (...tasks: Block[]) => ({ type: "plan", title: "Running", tasks });
const confirm = (more: Block = {}) => ({
  title: plain("Sure?"),
  text: plain("It ends."),
  confirm: plain("Yes"),
  deny: plain("No"),
  ...more,
});
const input = (element: Block, more: Block = {}) => ({
  type: "input",
  label: plain("Slot"),
  element,
  ...more,
});
const option = (value: string) => ({ text: plain(value), value });

const FITS: [name: string, ...blocks: Block[]][] = [
  [
    "a plan with a card of each state",
    plan(
      ...["pending", "in_progress", "complete", "error"].map((status, at) =>
        task({ status, task_id: `${at}` }),
      ),
    ),
  ],
  ["a card with details and output", plan(task({ details: rich("a"), output: rich("b") }))],
  ["a card by itself", task()],
  ["25 buttons", actions(...times(25, (at) => button({ action_id: `${at}` })))],
  ["a button of 75 characters, its value of 2000", actions(button({ text: plain(x(75)), value: x(2000) }))],
  [
    "a confirm dialog at its limits",
    actions(
      button({
        confirm: confirm({
          title: plain(x(100)),
          text: mrkdwn(x(300)),
          confirm: plain(x(30)),
          deny: plain(x(30)),
        }),
      }),
    ),
  ],
  ["a section with an accessory", { type: "section", text: mrkdwn(x(3000)), accessory: button() }],
  ["ten fields", { type: "section", fields: times(10, () => mrkdwn(x(1000))) }],
  ["a header of 150", { type: "header", text: plain(x(150)) }],
  [
    "ten parts of context, one a picture",
    {
      type: "context",
      elements: [
        ...times(9, () => mrkdwn("c")),
        { type: "image", image_url: "https://e.org/a.png", alt_text: "a" },
      ],
    },
  ],
  ["an uploaded picture", { type: "image", slack_file: { id: "F1" }, alt_text: "a" }],
  [
    "a table",
    {
      type: "table",
      rows: [
        [
          { type: "raw_text", text: "a" },
          { type: "raw_number", value: 1 },
        ],
      ],
    },
  ],
  [
    "a data table",
    { type: "data_table", caption: "c", rows: times(101, () => [{ type: "raw_text", text: "a" }]) },
  ],
  [
    "rich text of every kind",
    {
      type: "rich_text",
      elements: [
        {
          type: "rich_text_section",
          elements: [
            { type: "user", user_id: "U1" },
            { type: "link", url: "https://e.org" },
            { type: "text", text: "b", style: { bold: true } },
          ],
        },
        { type: "rich_text_list", style: "bullet", elements: [{ type: "rich_text_section", elements: [] }] },
        { type: "rich_text_preformatted", elements: [{ type: "text", text: "$ ls" }], border: 0 },
        { type: "rich_text_quote", elements: [{ type: "broadcast", range: "here" }] },
      ],
    },
  ],
];

const REFUSED: [name: string, about: RegExp, ...blocks: Block[]][] = [
  ["a state that no card has", /status/, plan(task({ status: "completed" }))],
  ["details that are text", /details/, plan(task({ details: "text" }))],
  ["output of two elements", /output/, plan(task({ output: rich("a", "b") }))],
  ["a card without a title", /title/, plan({ task_id: "1", status: "complete" })],
  ["a plan without a title", /title/, { type: "plan", tasks: [] }],
  ["the same task twice", /task_id/, plan(task(), task())],
  ["a plan and a card", /not both/, plan(task()), task()],
  ["a member that a card has not", /additional property: icon/, plan(task({ icon: "x" }))],
  ["26 buttons", /25 items/, actions(...times(26, (at) => button({ action_id: `${at}` })))],
  ["no button at all", /at least 1/, actions()],
  [
    "the same action twice",
    /action_id must be unique/,
    actions(button({ action_id: "a" }), button({ action_id: "a" })),
  ],
  [
    "the same block twice",
    /block_id must be unique/,
    { type: "divider", block_id: "a" },
    { type: "divider", block_id: "a" },
  ],
  ["a long button", /75/, actions(button({ text: plain(x(76)) }))],
  ["a button in mrkdwn", /text/, actions(button({ text: mrkdwn("Go") }))],
  ["a long value", /2000/, actions(button({ value: x(2001) }))],
  ["a colour that no button has", /style/, actions(button({ style: "warning" }))],
  ["a long title of a dialog", /100/, actions(button({ confirm: confirm({ title: plain(x(101)) }) }))],
  ["a long dialog", /300/, actions(button({ confirm: confirm({ text: plain(x(301)) }) }))],
  ["a long yes", /30/, actions(button({ confirm: confirm({ confirm: plain(x(31)) }) }))],
  ["a long no", /30/, actions(button({ confirm: confirm({ deny: plain(x(31)) }) }))],
  ["a text field among actions", /elements/, actions({ type: "plain_text_input", action_id: "a" })],
  ["a section of nothing", /text or fields/, { type: "section" }],
  ["a section of no characters", /at least 1/, { type: "section", text: mrkdwn("") }],
  ["eleven fields", /10 items/, { type: "section", fields: times(11, () => mrkdwn("f")) }],
  [
    "a text field beside a section",
    /accessory/,
    { type: "section", text: mrkdwn("a"), accessory: { type: "plain_text_input" } },
  ],
  ["a long header", /150/, { type: "header", text: plain(x(151)) }],
  ["a header in mrkdwn", /text/, { type: "header", text: mrkdwn("h") }],
  ["eleven parts of context", /10 items/, { type: "context", elements: times(11, () => mrkdwn("c")) }],
  ["a picture without words", /alt_text/, { type: "image", image_url: "https://e.org/a.png" }],
  ["a picture of nothing", /image_url or slack_file/, { type: "image", alt_text: "a" }],
  ["rich text that is text", /elements/, { type: "rich_text", elements: [{ type: "text", text: "a" }] }],
  ["rich text of no characters", /at least 1/, rich("")],
  [
    "two tables",
    /one table/,
    ...times(2, () => ({ type: "table", rows: [[{ type: "raw_text", text: "a" }]] })),
  ],
  [
    "a table of 21 columns",
    /20 items/,
    { type: "table", rows: [times(21, () => ({ type: "raw_text", text: "a" }))] },
  ],
  ["a table of too many words", /10000/, { type: "table", rows: [[{ type: "raw_text", text: x(10_001) }]] }],
  [
    "a data table without rows",
    /at least 2/,
    { type: "data_table", caption: "c", rows: [[{ type: "raw_text", text: "a" }]] },
  ],
  [
    "a data table of uneven rows",
    /same number/,
    {
      type: "data_table",
      caption: "c",
      rows: times(2, (at) => times(at + 1, () => ({ type: "raw_text", text: "a" }))),
    },
  ],
  ["a block for modals", /alert is not for a message/, { type: "alert", text: plain("a") }],
  ["no block of Slack's", /unsupported type: checklist/, { type: "checklist" }],
  [
    "an empty choice of options",
    /options/,
    actions({ type: "overflow", options: times(6, (at) => option(`${at}`)) }),
  ],
];

describe("blocks of a message", () => {
  test.each(FITS)("%s may be sent", (_name, ...blocks) => {
    expect(errorOf(...blocks)).toBeUndefined();
  });

  test.each(REFUSED)("%s is refused", (_name, about, ...blocks) => {
    const refused = errorOf(...blocks);
    expect(refused?.error).toBe("invalid_blocks");
    expect(refused?.messages.join("\n")).toMatch(about);
    expect(refused?.messages.join("\n")).toContain("json-pointer:/blocks");
  });

  test("may come as JSON text, which must be JSON", () => {
    const post = (blocks: string) => contentError("chat.postMessage", { text: "t", blocks });
    expect(post('[{"type":"divider"}]')).toBeUndefined();
    expect(post("[")?.error).toBe("invalid_blocks_format");
  });

  test("are checked in edits, in what one person sees, in unfurled links and in attachments", () => {
    const blocks = [{ type: "nonsense" }];
    expect(contentError("chat.update", { text: "t", blocks })?.error).toBe("invalid_blocks");
    expect(contentError("chat.postEphemeral", { text: "t", blocks })?.error).toBe("invalid_blocks");
    expect(contentError("response_url", { text: "t", blocks })?.error).toBe("invalid_blocks");
    expect(contentError("chat.unfurl", { unfurls: { "https://e.org": { blocks } } })?.error).toBe(
      "invalid_attachments",
    );
    expect(contentError("chat.postMessage", { text: "t", attachments: [{ blocks }] })?.error).toBe(
      "invalid_attachments",
    );
  });
});

describe("metadata", () => {
  const errorOfMetadata = (metadata: unknown) =>
    contentError("chat.postMessage", { text: "t", metadata })?.error;
  const payload = (size: number) => ({ event_type: "e", event_payload: { p: x(size) } });

  test("has a type and a payload of at most 8 KiB", () => {
    expect(errorOfMetadata(payload(8_000))).toBeUndefined();
    expect(errorOfMetadata(JSON.stringify(payload(10)))).toBeUndefined();
    expect(errorOfMetadata(payload(8_200))).toBe("metadata_too_large");
    expect(errorOfMetadata({ event_type: "e" })).toBe("invalid_metadata_schema");
    expect(errorOfMetadata({ event_payload: {} })).toBe("invalid_metadata_schema");
    expect(errorOfMetadata("{")).toBe("invalid_metadata_format");
  });
});

describe("views", () => {
  const modal = (more: Block = {}) => ({
    type: "modal",
    title: plain("Launch"),
    submit: plain("Go"),
    blocks: [],
    ...more,
  });
  const open = (view: unknown) => contentError("views.open", { view });
  const publish = (view: unknown) => contentError("views.publish", { view });
  const field = { type: "plain_text_input", action_id: "a" };

  test.each([
    [
      "a modal at its limits",
      modal({
        title: plain(x(24)),
        submit: plain(x(24)),
        close: plain(x(24)),
        private_metadata: x(3000),
        callback_id: x(255),
        blocks: times(100, () => ({ type: "divider" })),
      }),
    ],
    [
      "inputs of every kind",
      modal({
        blocks: [
          input({ ...field, max_length: 3000 }),
          input({ type: "static_select", options: times(100, (at) => option(`${at}`)) }),
          input({ type: "radio_buttons", options: [option("a")] }),
          input({ type: "checkboxes", options: [option("a")] }),
          input({ type: "users_select" }),
          input({ type: "number_input", is_decimal_allowed: false }),
        ],
      }),
    ],
  ])("%s opens", (_name, view) => {
    expect(open(view)).toBeUndefined();
  });

  test.each([
    ["a long title", modal({ title: plain(x(25)) })],
    ["a long word for submit", modal({ submit: plain(x(25)) })],
    ["a long word for close", modal({ close: plain(x(25)) })],
    ["much private metadata", modal({ private_metadata: x(3001) })],
    ["a long callback id", modal({ callback_id: x(256) })],
    ["101 blocks", modal({ blocks: times(101, () => ({ type: "divider" })) })],
    ["no title", { type: "modal", blocks: [] }],
    ["an input, and nothing to submit it", modal({ submit: undefined, blocks: [input(field)] })],
    ["a plan", modal({ blocks: [plan(task())] })],
    ["a long label", modal({ blocks: [input(field, { label: plain(x(2001)) })] })],
    ["a button as an input", modal({ blocks: [input(button())] })],
    [
      "101 options",
      modal({ blocks: [input({ type: "static_select", options: times(101, (at) => option(`${at}`)) })] }),
    ],
    ["a long option", modal({ blocks: [input({ type: "static_select", options: [option(x(76))] })] })],
    ["a member that a modal has not", modal({ colour: "red" })],
    ["a home", { type: "home", blocks: [] }],
  ])("a modal with %s is refused", (_name, view) => {
    expect(open(view)?.error).toBe("invalid_arguments");
    expect(open(view)?.messages.length).toBeGreaterThan(0);
  });

  test("a home takes a hundred blocks, and no title", () => {
    const home = (count: number) => ({ type: "home", blocks: times(count, () => ({ type: "divider" })) });
    expect(publish(home(100))).toBeUndefined();
    expect(publish(home(101))?.error).toBe("invalid_arguments");
    expect(publish({ ...home(1), title: plain("x") })?.error).toBe("invalid_arguments");
    expect(publish(modal())?.error).toBe("invalid_arguments");
  });
});
