import { BROWSERS, type Browser, parseDuration } from "../../src/config/index.ts";
import { LONGEST_LOCK_MS } from "../../src/engine/types.ts";
import { closest } from "./suggest.ts";

/** A kind of value: how it is called in a usage line, and what is read from a word. */
export interface ValueType<T> {
  readonly placeholder: string;
  /** What is missing when it is not there, where the placeholder alone would not say; with its article. */
  readonly wanted?: string;
  /** Whether a word was surely meant as such a value, right or wrong; for options whose value may be left out. */
  resembles?(written: string): boolean;
  parse(written: string): Parsed<T>;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (problem: string): Parsed<never> => ({ ok: false, problem });

/** A name as slots, environments and steps have it. What exists is looked up by the command. */
export function nameOf(placeholder: string): ValueType<string> {
  return {
    placeholder,
    parse: (written) =>
      /^[\p{L}\p{N}][\p{L}\p{N}._/ :#()@-]{0,199}$/u.test(written)
        ? ok(written)
        : bad(`expected a ${placeholder}'s name`),
  };
}

/** Free text, e.g. a reason. It is shown to people and goes nowhere else. */
export const freeText: ValueType<string> = {
  placeholder: "text",
  parse: (written) => {
    const text = written.trim();
    if (text === "") return bad("expected some text");
    return text.length > 300 ? bad("expected at most 300 characters") : ok(text);
  },
};

const LONGEST_DURATION_MS = LONGEST_LOCK_MS;

/** Milliseconds. */
export const duration: ValueType<number> = {
  placeholder: "2h",
  wanted: "a length of time such as 1h",
  resembles: (written) => /^\d+(?:\.\d+)?(?:ms|[smhdw]|mins?|minutes?|hours?|days?)?$/i.test(written),
  parse: (written) => {
    const ms = parseDuration(written.toLowerCase());
    if (ms === undefined) return bad("expected a duration such as 90s, 15m, 4h or 1h30m");
    if (ms < 1_000) return bad("expected at least 1s");
    return ms > LONGEST_DURATION_MS ? bad("expected at most 30d") : ok(ms);
  },
};

export interface PullRequest {
  readonly number: number;
  /** Null where only the number was written. */
  readonly repository: string | null;
}

const PULL_REQUEST =
  /^(?:(?:https:\/\/[\w.-]+\/)?(?<repository>[\w.-]+\/[\w.-]+)(?:#|\/pull\/))?#?(?<number>[1-9]\d{0,8})(?:\/[a-z]*)?$/;

/** `12`, `#12`, `acme/web#12` or the pull request's address. */
export const pullRequest: ValueType<PullRequest> = {
  placeholder: "N",
  parse: (written) => {
    const groups = PULL_REQUEST.exec(written)?.groups;
    if (!groups?.number) return bad("expected a pull request's number such as 12");
    return ok({ number: Number(groups.number), repository: groups.repository ?? null });
  },
};

/** 7 to 40 hexadecimal digits. */
export const sha: ValueType<string> = {
  placeholder: "S",
  parse: (written) =>
    /^[0-9a-f]{7,40}$/i.test(written)
      ? ok(written.toLowerCase())
      : bad("expected a commit: 7 to 40 hexadecimal digits"),
};

/** A branch or tag by git's own rules: https://git-scm.com/docs/git-check-ref-format */
export const ref: ValueType<string> = {
  placeholder: "R",
  parse: (written) => (isRef(written) ? ok(written) : bad("expected a branch or tag as git allows it")),
};

export function isRef(written: string): boolean {
  if (written === "" || written === "@" || written.length > 255 || written.startsWith("-")) return false;
  if (/[\s\p{Cc}~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/u.test(written)) return false;
  return written.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"));
}

export const ami: ValueType<string> = {
  placeholder: "A",
  parse: (written) =>
    /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(written)
      ? ok(written)
      : bad("expected an image's id such as ami-0123456789abcdef0"),
};

export const instanceId: ValueType<string> = {
  placeholder: "instance",
  parse: (written) =>
    /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(written)
      ? ok(written)
      : bad("expected an instance's id such as i-0123456789abcdef0"),
};

/** `12` or `#12`. */
export const runNumber: ValueType<number> = {
  placeholder: "run",
  parse: (written) => {
    const digits = /^#?([1-9]\d{0,14})$/.exec(written)?.[1];
    return digits === undefined ? bad("expected a run's number such as 12") : ok(Number(digits));
  },
};

/** A slot by its name, or a run by its number: no slot's name begins with a digit. */
export const slotOrRun: ValueType<string | number> = {
  placeholder: "slot|run",
  wanted: "a slot's name or a run's number",
  parse: (written) => (/^#?\d/.test(written) ? runNumber.parse(written) : nameOf("slot").parse(written)),
};

export type TestChoice = "all" | "none" | readonly Browser[];

export const browsers: ValueType<readonly Browser[]> = {
  placeholder: BROWSERS.join(","),
  parse: (written) => {
    const names = written.toLowerCase().split(",");
    const unknown = names.find((name) => !isBrowser(name));
    if (unknown === undefined) return ok([...new Set(names.filter(isBrowser))]);
    const meant = closest(unknown, BROWSERS);
    return bad(`expected browsers of ${BROWSERS.join(", ")}${meant ? `; did you mean ${meant}?` : ""}`);
  },
};

/** `all`, `none` or browsers. */
export const testChoice: ValueType<TestChoice> = {
  placeholder: "all|none|chrome,firefox",
  parse: (written) => {
    const word = written.toLowerCase();
    if (word === "all" || word === "none") return ok(word);
    const list = browsers.parse(written);
    return list.ok ? list : bad(`expected all, none or ${list.problem.replace(/^expected /, "")}`);
  },
};

function isBrowser(name: string): name is Browser {
  return (BROWSERS as readonly string[]).includes(name);
}
