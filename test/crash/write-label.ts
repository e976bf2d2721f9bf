/** A statement as it was run in a transaction. */
export interface Written {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/**
 * Names a transaction by what it writes about runs, in words that are the same in every run of the same pipeline:
 * `step SSH answers running`, `obligation instance created`. Undefined for those that are not the journal's
 * (log lines, surfaces' bookkeeping).
 */
export function labelOf(transaction: readonly Written[]): string | undefined {
  const parts = transaction.flatMap((statement) => describe(statement) ?? []);
  return parts.length === 0 ? undefined : [...new Set(parts)].join(" + ");
}

function describe({ sql, parameters }: Written): string | undefined {
  const insert = /^insert into "(\w+)" \(([^)]*)\)/.exec(sql);
  if (insert) return describeRow(insert[1] ?? "", columnsOf(insert[2] ?? "", parameters));
  const update = /^update "(\w+)" set (.*?) where (.*)$/.exec(sql);
  if (update) return describeChange(update[1] ?? "", update[2] ?? "", update[3] ?? "", parameters);
  const removal = /^delete from "(\w+)"/.exec(sql);
  return removal?.[1] === "queue" ? "queue left" : undefined;
}

type Columns = Readonly<Record<string, unknown>>;

function columnsOf(list: string, parameters: readonly unknown[]): Columns {
  const names = [...list.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
  return Object.fromEntries(names.map((name, index) => [name, parameters[index]]));
}

function describeRow(table: string, row: Columns): string | undefined {
  if (table === "steps") return `step ${stable(row.path)} ${row.state}`;
  if (table === "obligations") return `obligation ${row.kind} recorded`;
  if (table === "leases") return `lease ${row.mode}`;
  if (table === "runs") return `run ${row.kind} submitted`;
  if (table === "queue") return "queue joined";
  if (table === "inbox") return "inbox";
  return undefined;
}

function describeChange(
  table: string,
  set: string,
  where: string,
  parameters: readonly unknown[],
): string | undefined {
  const names = [...set.matchAll(/"(\w+)" = (\?)/g)].map((match) => match[1] ?? "");
  const change: Columns = Object.fromEntries(names.map((name, index) => [name, parameters[index]]));
  if (table === "obligations") {
    const id = /"id" = \?/.test(where) ? kindOf(parameters[names.length]) : "all";
    return `obligation ${id} ${change.state ?? (names.join(",") || "changed")}`;
  }
  if (table === "runs") return describeRunChange(names, change);
  if (table === "inbox") return change.handled_at === undefined ? undefined : "inbox handled";
  return undefined;
}

/** Changes that only count up the revision are parts of others, or say nothing new. */
function describeRunChange(names: readonly string[], change: Columns): string | undefined {
  if (change.state !== undefined) return `run ${change.state}`;
  for (const [column, word] of Object.entries(RUN_WORDS)) if (names.includes(column)) return `run ${word}`;
  return undefined;
}

const RUN_WORDS = {
  outcome_json: "outcome",
  cancel_requested_at: "cancel asked for",
  tests_json: "counts of tests",
  facts_json: "facts",
} as const;

/** `TENANCY/kind:key` → `kind`. */
function kindOf(id: unknown): string {
  return String(id).split("/")[1]?.split(":")[0] ?? "?";
}

/** Ids differ from run to run; names of steps do not. */
function stable(path: unknown): string {
  return String(path).replaceAll(/\b(i|sgr|subnet|sg|ami)-[0-9a-f]+/g, "$1");
}
