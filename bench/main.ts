import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { benchAcknowledge } from "./acknowledge.ts";
import { benchLaunch } from "./launch.ts";
import { benchCalls, benchMemory } from "./load.ts";
import { type Row, table } from "./numbers.ts";

const BENCHES: Readonly<Record<string, (dir: string) => Promise<Row[]>>> = {
  launch: benchLaunch,
  acknowledge: benchAcknowledge,
  memory: benchMemory,
  calls: benchCalls,
};

/**
 * `npm run bench [-- launch acknowledge memory calls]`: measures the bot in sandboxes of its own and prints a table;
 * the same as JSON goes to bench/results/. Exit code 1 when a promised bound is not kept.
 */
export async function main(args: readonly string[]): Promise<number> {
  const names = args.length > 0 ? args : Object.keys(BENCHES);
  const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
  if (unknown.length > 0) {
    console.error(
      `There is no benchmark ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}.`,
    );
    return 2;
  }
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const rows: Row[] = [];
  try {
    for (const name of names) {
      console.log(`\n${name} …`);
      const measured = (await BENCHES[name]?.(dir)) ?? [];
      console.log(table(measured));
      rows.push(...measured);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const file = join(results, `${new Date().toISOString().replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  console.log(`\n${file}`);
  return rows.every((row) => row.atMost === undefined || row.value <= row.atMost) ? 0 : 1;
}
