/** A systemd unit file as sections of repeated keys. */
export type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Reads a unit file: `[Section]`, `Key=value`, comments, and lines continued by a backslash. */
export function parseUnit(text: string): Unit {
  const sections = new Map<string, Map<string, string[]>>();
  let section = new Map<string, string[]>();
  for (const line of text.replace(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
    const heading = /^\[(.+)\]$/.exec(trimmed)?.[1];
    if (heading !== undefined) {
      section = sections.get(heading) ?? new Map();
      sections.set(heading, section);
      continue;
    }
    const at = trimmed.indexOf("=");
    if (at < 1) continue;
    const key = trimmed.slice(0, at).trim();
    const value = trimmed.slice(at + 1).trim();
    // An empty assignment clears the list, as systemd says.
    section.set(key, value === "" ? [] : [...(section.get(key) ?? []), value]);
  }
  return sections;
}

export function valuesOf(unit: Unit, section: string, key: string): readonly string[] {
  return unit.get(section)?.get(key) ?? [];
}

/** The moment of an absolute `OnCalendar=` (`YYYY-MM-DD HH:MM:SS UTC`); undefined for every other form. */
export function absoluteTime(calendar: string): Date | undefined {
  const match =
    /^(?:[A-Z][a-z]{2},?\s+)?(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?:UTC|Z)$/.exec(
      calendar.trim(),
    );
  if (match === null) return undefined;
  const [, day, time] = match;
  const date = new Date(`${day}T${(time ?? "").length === 5 ? `${time}:00` : time}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Units that `systemctl enable`, `start` or `restart` names in one command line (words or shell text). */
export function startedUnits(command: string | readonly (string | number)[]): string[] {
  const text = typeof command === "string" ? command : command.map(String).join(" ");
  const units: string[] = [];
  for (const part of text.split(/&&|\|\||;|\n/)) {
    const words = part.trim().replaceAll(/['"]/g, "").split(/\s+/);
    const at = words.findIndex((word) => word === "systemctl" || word.endsWith("/systemctl"));
    if (at === -1) continue;
    const rest = words.slice(at + 1).filter((word) => !word.startsWith("-"));
    if (!["enable", "start", "restart", "reenable"].includes(rest[0] ?? "")) continue;
    units.push(...rest.slice(1).filter((word) => /^[\w@.:-]+\.(timer|service)$/.test(word)));
  }
  return units;
}
