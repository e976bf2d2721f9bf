import { mkdtempSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createConfigHolder } from "../../src/config/index.ts";
import { contract, contractEnv, loaded } from "./helpers.ts";

function holderWithFile() {
  const file = join(mkdtempSync(join(tmpdir(), "slipway-reload-")), "slipway.yml");
  const holder = createConfigHolder(loaded(contract, contractEnv), () => contractEnv);
  const reload = (text: string) => {
    writeFileSync(file, text);
    return holder.reload(() => readFile(file, "utf8"));
  };
  return { holder, reload, file };
}

describe("reading the configuration again", () => {
  test("takes a changed file", async () => {
    const { holder, reload } = holderWithFile();
    const before = holder.current();
    expect(await reload(contract.replace("ttl: 4h", "ttl: 5h"))).toMatchObject({ ok: true, changed: true });
    expect(holder.current().config.slots.stg1?.ttl).toBe(5 * 3_600_000);
    expect(before.config.slots.stg1?.ttl).toBe(4 * 3_600_000);
  });

  test("says when nothing changed", async () => {
    const { reload } = holderWithFile();
    expect(await reload(`${contract}\n# a comment\n`)).toMatchObject({ ok: true, changed: false });
  });

  test("keeps the old one when the file is bad, and says what is wrong", async () => {
    const { holder, reload } = holderWithFile();
    const before = holder.current();
    const result = await reload(contract.replace("swap: switch", "swap: swich"));
    expect(result).toMatchObject({
      ok: false,
      problems: [{ path: "slots.stg3.swap", suggestion: "switch" }],
    });
    expect(holder.current()).toBe(before);
  });

  test("keeps the old one when the file is gone", async () => {
    const { holder } = holderWithFile();
    const before = holder.current();
    const result = await holder.reload(() => readFile("/nonexistent/slipway.yml", "utf8"));
    expect(result).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining("ENOENT") }] });
    expect(holder.current()).toBe(before);
  });

  test("of two at once, the later one wins though it ends first", async () => {
    const { holder } = holderWithFile();
    const slow = Promise.withResolvers<string>();
    const first = holder.reload(() => slow.promise);
    await holder.reload(() => contract.replace("ttl: 4h", "ttl: 6h"));
    slow.resolve(contract.replace("ttl: 4h", "ttl: 5h"));
    await first;
    expect(holder.current().config.slots.stg1?.ttl).toBe(6 * 3_600_000);
  });
});
