/** `2026-11-21 04:10 UTC` */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/**
 * In Slack, in the reader's own time zone.
 * https://docs.slack.dev/messaging/formatting-message-text#date-formatting
 */
export function slackDate(at: number): string {
  return `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time}|${utc(at)}>`;
}

/** `14:05 UTC`, or `2026-11-22 14:05 UTC` when `now` is given and the day is another one. */
export function formatTime(at: number, now?: number): string {
  const iso = new Date(at).toISOString();
  const time = `${iso.slice(11, 16)} UTC`;
  return now !== undefined && new Date(now).toISOString().slice(0, 10) !== iso.slice(0, 10)
    ? `${iso.slice(0, 10)} ${time}`
    : time;
}

/** `45s`, `4m 10s`, `2h 5m`: two units at most, for people. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3_600), "h"],
    [Math.floor((seconds % 3_600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return "0s";
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** As `formatDuration`, with tenths of a second where they matter: a step's time. */
export function formatStepTime(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)}s` : formatDuration(ms);
}

/** `812 bytes`, `34.5 KB`, `4.1 GB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  const units = ["KB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1_000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/**
 * Without the invisible characters that turn round the direction of what follows them, beyond the text itself. Letters
 * of right-to-left scripts bring their direction along.
 */
export function withoutTurns(text: string): string {
  return text.replaceAll(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

const BREAK = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** What people wrote, to stand within a line of ours: line breaks and other control characters are spaces. */
export function oneLine(text: string): string {
  // Run by run: an expression that looks for a break among blanks would look again from each of them.
  return withoutTurns(text).replaceAll(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, (run) => (BREAK.test(run) ? " " : run));
}

/** At most `longest` characters, the last of them an ellipsis when it was longer; never half of an emoji. */
export function cutText(text: string, longest: number): string {
  const whole = withoutTurns(text.toWellFormed());
  if (whole.length <= longest) return whole;
  return `${whole.slice(0, longest - 2).replace(/[\ud800-\udbff]$/, "")} …`;
}
