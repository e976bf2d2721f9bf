import { z } from "zod";
import { expected, text } from "./scalars.ts";

export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** A part of the week; `from` and `until` are minutes after midnight in the windows' time zone. */
export interface DeployWindow {
  readonly text: string;
  readonly days: readonly Weekday[];
  readonly from: number;
  readonly until: number;
}

const PHRASE = 'a part of the week such as "Mon-Thu 09:00-17:00" or "Sat 10:00-12:00"';
const WINDOW = /^([A-Z][a-z]{2}(?:[-,][A-Z][a-z]{2})*) (\d{2}):(\d{2})-(\d{2}):(\d{2})$/;

/** Parses `Mon-Thu 09:00-17:00`; several days by comma. A window that would cross midnight is none. */
export function parseWindow(written: string): DeployWindow | undefined {
  const match = WINDOW.exec(written);
  const [, dayText = "", fromHour, fromMinute, untilHour, untilMinute] = match ?? [];
  const days = match === null ? undefined : daysOf(dayText);
  const from = minutesOf(fromHour, fromMinute);
  const until = minutesOf(untilHour, untilMinute);
  if (days === undefined || !(from < until) || until > 1440) return undefined;
  return { text: written, days, from, until };
}

function minutesOf(hour: string | undefined, minute: string | undefined): number {
  return Number(minute) < 60 ? Number(hour) * 60 + Number(minute) : Number.NaN;
}

function daysOf(written: string): Weekday[] | undefined {
  const days: Weekday[] = [];
  for (const part of written.split(",")) {
    const [first, last = first, more] = part.split("-").map((day) => WEEKDAYS.indexOf(day as Weekday));
    if (first === undefined || last === undefined || more !== undefined) return undefined;
    if (first < 0 || last < 0) return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      days.push(WEEKDAYS[day] as Weekday);
      if (day === last) break;
    }
  }
  return days;
}

const deployWindow = z.string(expected(PHRASE)).transform((written, context) => {
  const parsed = parseWindow(written);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `expected ${PHRASE}` });
  return z.NEVER;
});

export const windows = z.strictObject({
  timezone: text("a time zone such as Asia/Kolkata")
    .refine(isTimeZone, expected("a time zone such as Asia/Kolkata"))
    .prefault("UTC")
    .describe("The time zone of the times."),
  allow: z
    .array(deployWindow, expected("a list"))
    .min(1, expected("at least one part of the week"))
    .describe("When a deployment may begin."),
});

function isTimeZone(written: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: written });
    return true;
  } catch {
    return false;
  }
}

export type WindowsConfig = z.output<typeof windows>;
