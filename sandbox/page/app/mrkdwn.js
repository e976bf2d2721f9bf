import { h } from "./dom.js";
import { nameOf } from "./state.js";

/** Slack's markup: https://docs.slack.dev/messaging/formatting-message-text. Returns nodes. */
export function mrkdwn(text) {
  return text.split(/(```[\s\S]+?```)/).flatMap((part) => {
    const block = /^```\n?([\s\S]*?)\n?```$/.exec(part);
    return block ? [h("pre", {}, plain(block[1]))] : quoted(part);
  });
}

/** Lines that begin with &gt; are a quotation. */
function quoted(text) {
  return text.split(/((?:^&gt; ?.*(?:\n|$))+)/m).flatMap((part) => {
    if (!part.startsWith("&gt;")) return inline(part);
    return [h("blockquote", {}, ...inline(part.replaceAll(/^&gt; ?/gm, "").trimEnd()))];
  });
}

const SPANS =
  /(<[^<>\n]+>|https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)\]}'"]|`[^`\n]+`|(?<![\w*])\*[^*\n]+\*(?![\w*])|(?<![\w_])_[^_\n]+_(?![\w_])|(?<![\w~])~[^~\n]+~(?![\w~])|:[a-z0-9_+-]+:)/;
const STYLES = { "*": "strong", _: "em", "~": "s" };

function inline(text) {
  return text.split(SPANS).flatMap((part) => {
    if (part === "") return [];
    if (/^<.+>$/.test(part)) return [angled(part.slice(1, -1))];
    if (/^`.+`$/.test(part)) return [h("code", {}, plain(part.slice(1, -1)))];
    if (/^:[a-z0-9_+-]+:$/.test(part)) return [emoji(part.slice(1, -1))];
    if (/^https?:/.test(part)) return [link(plain(part), plain(part))];
    const style = part.length > 2 && part.at(-1) === part[0] ? STYLES[part[0]] : undefined;
    if (style) return [h(style, {}, ...inline(part.slice(1, -1)))];
    return [plain(part)];
  });
}

/** A person, a channel, a date, a link: what stands in angle brackets. */
function angled(inner) {
  const [target, shown] = inner.split("|");
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return h("span", { class: "mention" }, `#${shown ?? "staging"}`);
  const date = /^!date\^(\d+)\^([^^]+)/.exec(target);
  if (date) return dated(Number(date[1]), date[2], shown);
  if (target.startsWith("!subteam^")) return h("span", { class: "mention" }, plain(shown ?? target.slice(9)));
  if (target.startsWith("!")) return h("span", { class: "mention loud" }, `@${target.slice(1)}`);
  return link(plain(target), plain(shown ?? target));
}

export function mention(id) {
  return h("span", { class: "mention" }, `@${nameOf(id)}`);
}

export function link(url, text) {
  const isSafe = /^(https?|mailto):/.test(url);
  if (!isSafe) return text;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** In the reader's own time. */
export function dated(seconds, format, fallback = "") {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const day = isToday ? "today" : date.toLocaleDateString([], { month: "short", day: "numeric" });
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = plain(format)
    .replaceAll(/\{date[a-z_]*\}/g, day)
    .replaceAll(/\{time_secs\}/g, date.toLocaleTimeString())
    .replaceAll(/\{time\}/g, time)
    .replaceAll(/\{ago\}/g, time);
  return h("time", { datetime: date.toISOString(), title: plain(fallback) || date.toString() }, words);
}

/** Dots of a colour, drawn: not every machine has a font of emoji. */
const DOTS = {
  red_circle: "dirty",
  large_red_circle: "dirty",
  large_green_circle: "free",
  large_yellow_circle: "held",
  large_orange_circle: "held",
  large_blue_circle: "busy",
  white_circle: "idle",
  black_circle: "idle",
};
const SIGNS = {
  white_check_mark: "✓",
  heavy_check_mark: "✓",
  x: "✗",
  warning: "⚠",
  hourglass: "⌛",
  hourglass_flowing_sand: "⌛",
  information_source: "ℹ",
  lock: "🔒",
  rocket: "🚀",
  eyes: "👀",
  tada: "🎉",
  bell: "🔔",
};

export function emoji(name) {
  const label = { role: "img", "aria-label": name.replaceAll("_", " ") };
  if (DOTS[name]) return h("span", { class: `dot inline ${DOTS[name]}`, ...label });
  return SIGNS[name] ? h("span", { class: `sign-${name}`, ...label }, SIGNS[name]) : `:${name}:`;
}

export function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
