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
  /(<[^<>\n]+>|`[^`\n]+`|(?<![\w*])\*[^*\n]+\*(?![\w*])|(?<![\w_])_[^_\n]+_(?![\w_])|(?<![\w~])~[^~\n]+~(?![\w~])|:[a-z0-9_+-]+:)/;
const STYLES = { "*": "strong", _: "em", "~": "s" };

function inline(text) {
  return text.split(SPANS).flatMap((part) => {
    if (part === "") return [];
    if (/^<.+>$/.test(part)) return [angled(part.slice(1, -1))];
    if (/^`.+`$/.test(part)) return [h("code", {}, plain(part.slice(1, -1)))];
    if (/^:[a-z0-9_+-]+:$/.test(part)) return [emoji(part.slice(1, -1))];
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

const EMOJI = {
  white_check_mark: "✅",
  x: "❌",
  warning: "⚠️",
  rocket: "🚀",
  hourglass_flowing_sand: "⏳",
  lock: "🔒",
  eyes: "👀",
  tada: "🎉",
  red_circle: "🔴",
  large_green_circle: "🟢",
  large_yellow_circle: "🟡",
  black_circle: "⚫",
  white_circle: "⚪",
  bell: "🔔",
  information_source: "ℹ️",
  broom: "🧹",
};

export function emoji(name) {
  const sign = EMOJI[name];
  return sign ? h("span", { role: "img", "aria-label": name }, sign) : `:${name}:`;
}

export function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
