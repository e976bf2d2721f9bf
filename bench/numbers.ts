/** The value that so much of the sample lies below; `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** One line of the result: what was measured, under which conditions, and its bound where there is one. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** At most this, where a bound is promised. */
  readonly atMost?: number;
  readonly note?: string;
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    `${row.value} ${row.unit}`,
    row.atMost === undefined ? "" : `${row.value <= row.atMost ? "✓" : "✗"} ≤ ${row.atMost}`,
    row.note ?? "",
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
