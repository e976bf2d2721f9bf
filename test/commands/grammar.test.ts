import { describe, expect, it } from "vitest";
import { parseWords } from "../../commands/grammar.ts";
import { commandsByName, fallback } from "../../commands/index.ts";
import { fromSlack } from "../../commands/lib/slack-text.ts";
import { toPlain } from "../../commands/lib/text.ts";
import { isReasonCode } from "../../commands/reason-codes.ts";
import { parse } from "../support/bot.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const none = { "dry-run": false, "no-wait": false };

describe("a well-formed command", () => {
  const cases: readonly [string, string, Record<string, unknown>][] = [
    ["", "status", {}],
    ["  \t ", "status", {}],
    ["status stg1", "status", { target: "stg1" }],
    ["Status", "status", {}],
    ["launch", "launch", none],
    ["--help", "help", {}],
    ["-h", "help", {}],
    ["lunch --help", "help", {}],
    ["help --help", "help", {}],
    ["launch stg1 --keep 2h --help", "help", { command: "launch" }],
    ["unlock —help", "help", { command: "unlock" }],
    ["lock stg1 --reason --help", "help", { command: "lock" }],
    ['lock stg1 --reason "--help"', "lock", { slot: "stg1", force: false, reason: "--help" }],
    ["launch stg1", "launch", { ...none, slot: "stg1" }],
    ["launch stg1 --pr 12", "launch", { ...none, slot: "stg1", pr: { number: 12, repository: null } }],
    ["launch stg1 --pr=#12", "launch", { ...none, slot: "stg1", pr: { number: 12, repository: null } }],
    ["launch stg1 pr=12", "launch", { ...none, slot: "stg1", pr: { number: 12, repository: null } }],
    ["launch stg1 —pr 12", "launch", { ...none, slot: "stg1", pr: { number: 12, repository: null } }],
    ["launch stg1 –pr=12", "launch", { ...none, slot: "stg1", pr: { number: 12, repository: null } }],
    [
      "launch stg1 --pr https://github.com/acme/web/pull/7",
      "launch",
      { ...none, slot: "stg1", pr: { number: 7, repository: "acme/web" } },
    ],
    [
      "launch --PR acme/web#7 stg1",
      "launch",
      { ...none, slot: "stg1", pr: { number: 7, repository: "acme/web" } },
    ],
    [`launch --sha ${SHA.toUpperCase()}`, "launch", { ...none, sha: SHA }],
    ["launch --sha abc1234", "launch", { ...none, sha: "abc1234" }],
    ["launch stg1 --ref feature/a=b", "launch", { ...none, slot: "stg1", ref: "feature/a=b" }],
    ["launch stg1 --keep", "launch", { ...none, slot: "stg1", keep: true }],
    ["launch stg1 --keep 2h", "launch", { ...none, slot: "stg1", keep: 7_200_000 }],
    ["launch --keep stg1", "launch", { ...none, slot: "stg1", keep: true }],
    ["launch --keep=90m stg1", "launch", { ...none, slot: "stg1", keep: 5_400_000 }],
    ["launch stg1 --keep --dry-run", "launch", { ...none, slot: "stg1", keep: true, "dry-run": true }],
    ["launch --tests none", "launch", { ...none, tests: "none" }],
    ["launch --tests chrome,Firefox,chrome", "launch", { ...none, tests: ["chrome", "firefox"] }],
    ["launch stg1 --no-wait", "launch", { ...none, slot: "stg1", "no-wait": true }],
    ['lock stg1 --reason "a b c"', "lock", { slot: "stg1", reason: "a b c", force: false }],
    [
      'lock stg1 --reason “it’s "mine" now”',
      "lock",
      { slot: "stg1", reason: 'it’s "mine" now', force: false },
    ],
    ["lock stg1 reason='two words'", "lock", { slot: "stg1", reason: "two words", force: false }],
    ['lock stg1 --reason="--force"', "lock", { slot: "stg1", reason: "--force", force: false }],
    ['lock stg1 --reason "--force"', "lock", { slot: "stg1", reason: "--force", force: false }],
    ["lock stg1 --reason don't", "lock", { slot: "stg1", reason: "don't", force: false }],
    ['lock stg1 --reason "say \\"hi\\" now"', "lock", { slot: "stg1", reason: 'say "hi" now', force: false }],
    ["lock stg1 --for 1h30m", "lock", { slot: "stg1", for: 5_400_000, force: false }],
    ["extend stg1 1H", "extend", { slot: "stg1", by: 3_600_000, force: false }],
    ["service-update stg1", "update", { slot: "stg1" }],
    ["swap stg1 i-0123456789abcdef0", "swap", { slot: "stg1", instance: "i-0123456789abcdef0" }],
    ["test stg1 --failed --browsers chrome", "test", { slot: "stg1", failed: true, browsers: ["chrome"] }],
    ["cancel #12", "cancel", { run: 12 }],
    ['logs 3 "Start web"', "logs", { run: 3, step: "Start web" }],
  ];
  it.each(cases)("%s", (text, name, args) => {
    const parsed = parse(text);
    if ("refused" in parsed) throw new Error(toPlain(parsed.what));
    expect(parsed.command.name).toBe(name);
    expect(parsed.args).toEqual(args);
  });
});

describe("a wrong command", () => {
  const cases: readonly [string, string, RegExp][] = [
    ["lunch stg1", "unknown_command", /Did you mean launch\?/],
    ["xyzzy", "unknown_command", /no command/],
    ["deploy production", "not_available", /not part of this version/],
    ["deplo production", "unknown_command", /Did you mean deploy\?/],
    ["launch stg1 --kep", "unknown_option", /Did you mean --keep\?/],
    ["launch stg1 -keep", "unknown_option", /Did you mean --keep\?/],
    ["launch stg1 -- keep", "unknown_option", /no option/],
    ["launch stg1 kep=2h", "unknown_option", /Did you mean --keep\?/],
    ["launch stg1 --pr 1 --pr 2", "duplicate_option", /twice/],
    ["launch stg1 --pr", "missing_value", /--pr N/],
    ["launch stg1 --pr --keep", "missing_value", /--pr N/],
    ["launch stg1 --pr=", "missing_value", /--pr N/],
    ["launch stg1 --dry-run=yes", "unexpected_value", /no value/],
    ["launch stg1 stg2", "too_many_words", /one word too many/],
    ["launch stg1 keep", "too_many_words", /Did you mean --keep\?/],
    ["lock stg1 --reason two words", "too_many_words", /in quotes/],
    ['launch stg1 "--keep"', "too_many_words", /^--keep is one word too many\.$/],
    ["lock", "missing_argument", /needs a slot/],
    ["launch stg1 --keep 0s", "invalid_value", /at least/],
    ["launch stg1 --keep 99d", "invalid_value", /at most/],
    ["launch --keep 2 stg1", "invalid_value", /90s, 15m, 4h/],
    ["extend stg1 soon", "invalid_value", /90s, 15m, 4h/],
    ["extend stg1 0s", "invalid_value", /at least/],
    ["lock stg1 --for 99d", "invalid_value", /at most/],
    ["launch --pr 0", "invalid_value", /pull request/],
    ["launch --pr 1;rm", "invalid_value", /pull request/],
    ["launch --sha xyz", "invalid_value", /hexadecimal/],
    ["launch --sha abc123", "invalid_value", /7 to 40/],
    ["launch --ref a..b", "invalid_value", /git/],
    ["launch --ref=-x", "invalid_value", /git/],
    ["launch --ref a.lock", "invalid_value", /git/],
    ["launch --ref /a", "invalid_value", /git/],
    ["launch --ami latest", "invalid_value", /ami-/],
    ["launch --tests chrom", "invalid_value", /did you mean chrome/],
    ["swap stg1 web-1", "invalid_value", /i-/],
    ["show twelve", "invalid_value", /run's number/],
    ["launch $(reboot)", "invalid_value", /slot's name/],
    ['lock stg1 --reason "open', "unclosed_quote", /not closed/],
    [`launch ${"x".repeat(2_000)}`, "too_long", /2,000/],
    ["launch stg1\u0000", "control_characters", /control/],
    ["launch stg1\nterminate stg1", "control_characters", /more than one line/],
    ["launch stg1 \u202Egts", "control_characters", /control/],
    ["launch \ud800", "control_characters", /control/],
  ];
  it.each(cases)("%j is %s", (text, reasonCode, message) => {
    const parsed = parse(text);
    if (!("refused" in parsed)) throw new Error("was taken");
    expect(parsed.reasonCode).toBe(reasonCode);
    expect(toPlain(parsed.what)).toMatch(message);
  });

  it("shows the usage of the command that was probably meant", () => {
    const parsed = parse("lunch stg1");
    if (!("refused" in parsed)) throw new Error("was taken");
    expect(toPlain(parsed.next ?? [])).toContain("/stg launch [slot]");
  });
});

describe("words of a shell", () => {
  const words = (...given: string[]) =>
    parseWords(given, { commands: commandsByName, fallback, prefix: "stg" });

  it("keep their spaces", () => {
    expect(words("lock", "stg1", "--reason", "two words")).toMatchObject({ args: { reason: "two words" } });
    expect(words("lock", "stg1", "--reason=two words")).toMatchObject({ args: { reason: "two words" } });
  });

  it("are checked like any text", () => {
    expect(words("launch", "a\u0007b")).toMatchObject({ reasonCode: "control_characters" });
  });
});

describe("what Slack makes of a text", () => {
  it.each([
    ["lock stg1 --reason &quot;a&quot;", "lock stg1 --reason &quot;a&quot;"],
    ["a &lt;b&gt; &amp;lt; c", "a <b> &lt; c"],
    ["ask <@U0ANN|ann>", "ask @ann"],
    ["ask <@U0ANN>", "ask @U0ANN"],
    ["in <#C012|staging>", "in #staging"],
    ["launch <http://stg1.example.org|stg1.example.org>", "launch stg1.example.org"],
    ["see <https://example.org/a?b=1&amp;c=2>", "see https://example.org/a?b=1&c=2"],
    ["<!channel> hi", "@channel hi"],
  ])("%s → %s", (sent, written) => {
    expect(fromSlack(sent)).toBe(written);
  });
});

describe("10,000 random texts", () => {
  it("are each a command or a refusal with a known reason", () => {
    const random = mulberry32(20_261_121);
    const taken = new Map<string, number>();
    for (let round = 0; round < 10_000; round += 1) {
      const parsed = parse(randomText(random));
      const result = "refused" in parsed ? parsed.reasonCode : "a command";
      if ("refused" in parsed) expect(isReasonCode(parsed.reasonCode)).toBe(true);
      taken.set(result, (taken.get(result) ?? 0) + 1);
    }
    // The texts must reach deep enough to mean something.
    expect([...taken.keys()].length).toBeGreaterThan(8);
  });
});

const PIECES = [
  ..."launch lock status extend cancel show --pr --keep --reason pr= --sha -- — “ ” \" ' \\ = stg1 2h 12 #1".split(
    " ",
  ),
  ..."$(x) `id` ; && | <@U1|a> &amp; \u0000 \u202e é 🚀 \ud800 \t \n {slot} ../ __proto__ constructor NaN -1 0x10".split(
    " ",
  ),
];

function randomText(random: () => number): string {
  const length = Math.floor(random() * 12);
  const words = Array.from({ length }, () => {
    if (random() < 0.85) return PIECES[Math.floor(random() * PIECES.length)] ?? "";
    return String.fromCodePoint(Math.floor(random() * 0x3000));
  });
  return words.join(random() < 0.9 ? " " : "");
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
