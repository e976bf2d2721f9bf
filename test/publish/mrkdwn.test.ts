import { describe, expect, test } from "vitest";
import { t, toSlack } from "../../commands/lib/text.ts";
import { html } from "../../handlers/http/html.ts";
import { oneLine } from "../../src/util/format.ts";
import { adviceWithin, codeBlock, codeWithin, escapedWithin, linkText } from "../../src/util/mrkdwn.ts";

/** Where Slack begins and ends a span: https://docs.slack.dev/messaging/formatting-message-text#basic-formatting */
const SPANS = /`[^`\n]+`|(?<![\w*])\*[^*\n]+\*(?![\w*])|(?<!\w)_[^\n]+_(?!\w)|(?<![\w~])~[^~\n]+~(?![\w~])/g;
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const WRITTEN = [
  "*b* and _i_ and ~s~ and `c`",
  "(*b*), *two words*, _*both*_ **",
  "__init__ of ```fence```",
  "`one",
  "two` *",
  "漢*b*漢",
];
const bare = (text: string) => text.match(SPANS) ?? [];

describe("what people wrote", () => {
  test.each(WRITTEN)("formats nothing: %s", (text) => {
    expect(bare(escapedWithin(text, 200))).toEqual([]);
    expect(bare(toSlack(t`held: ${text}, since`))).toEqual([]);
    // Beside marks of our own only ours are left.
    expect(bare(`*${escapedWithin(text, 200)}*`)).toHaveLength(1);
    expect(escapedWithin(text, 200)).toHaveLength(text.length);
  });

  test("control: it would", () => {
    expect(WRITTEN.slice(0, 3).map((text) => bare(text).length)).toEqual([4, 3, 2]);
  });

  test.each(["snake_case_name", "2 * 3", "a/b~c", "x*y", "", "https://example.org/~ann/_a_/b", "שלום עולם"])(
    "is left alone where it formats nothing: %s",
    (text) => {
      expect(escapedWithin(text, 200)).toBe(text);
      expect(toSlack(t`${text}`)).toBe(text);
    },
  );

  test.each(["~/.ssh/id_rsa", "/var/lib/_apt/x", "feature/_x"])(
    "can be copied where nothing in it could pair: %s",
    (text) => {
      expect(escapedWithin(text, 200)).toBe(text);
    },
  );

  test("is code where it is a path, to be copied whatever is in it", () => {
    expect(codeWithin("tests/__snapshots__/*.spec.ts:3", 200)).toBe("`tests/__snapshots__/*.spec.ts:3`");
    expect(codeWithin("a`b <c>", 200)).toBe("`a\u02cbb &lt;c&gt;`");
  });

  test("is read once through, however many blanks it has", () => {
    // Looked at from each blank anew, a million of them would take hours.
    const wide = `a${" ".repeat(1_000_000)}b`;
    expect(oneLine(wide)).toBe(wide);
    expect(oneLine(`${wide}\n c`)).toBe(`${wide} c`);
    expect(escapedWithin(wide, 200)).toHaveLength(200);
  });

  test("stands on one line, and is no quotation", () => {
    expect(escapedWithin("a\nb\r\n\tc\u2028d", 200)).toBe("a b c d");
    expect(toSlack(t`${"a\nb"}`)).toBe("a b");
    expect(escapedWithin("> q", 200)).toBe("\u00ad&gt; q");
    expect(escapedWithin("a > q", 200)).toBe("a &gt; q");
  });

  test("turns nothing round beside it", () => {
    const text = "\u202eevil\u202c \u2067x\u2069 \u200fy \u061c עולם";
    const shown = [escapedWithin(text, 200), codeBlock(text, 200), toSlack(t`${text}`), html`${text}`.text];
    for (const one of shown) {
      expect(one).not.toMatch(TURNS);
      expect(one).toContain("עולם");
    }
    // Control.
    expect(text).toMatch(TURNS);
  });

  test("is cut to its length, also of look-alikes", () => {
    expect(escapedWithin("*b* ".repeat(100), 50).length).toBeLessThanOrEqual(50);
  });
});

describe("what is ours", () => {
  test("keeps its code, links and blocks", () => {
    expect(adviceWithin("Run `npx *x*` of *it*.", 200)).toBe("Run `npx *x*` of ∗it∗.");
    expect(adviceWithin("Run `npx long`", 12)).not.toContain("`");
    expect(linkText("https://example.org/_a_*b*")).toBe("<https://example.org/_a_*b*>");
    expect(codeBlock("a *b*\n_c_", 200)).toBe("```\na *b*\n_c_\n```");
    expect(toSlack(t`${{ kind: "code", text: "*a*" }} ${{ kind: "bold", text: "b" }}`)).toBe("`*a*` *b*");
  });
});
