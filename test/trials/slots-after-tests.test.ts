import { afterAll, beforeAll, expect, it } from "vitest";
import type { JsonObject } from "../../src/util/json.ts";
import { ask, instanceOn, runOf, slotOf } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

let stand: Stand;

/** All slots keep what was launched on them, but for the last. */
function keeping(config: JsonObject): JsonObject {
  const { defaults, ...slots } = config.slots as Record<string, JsonObject>;
  const last = Object.keys(slots).at(-1) ?? "";
  return {
    ...config,
    slots: {
      ...slots,
      defaults: { ...defaults, afterTests: "keep" },
      [last]: { ...slots[last], afterTests: "terminate" },
    },
  };
}

beforeAll(async () => {
  stand = await Stand.open({ config: keeping });
}, 120_000);
afterAll(() => stand.close(), 60_000);

it("`afterTests` is the slot's that a launch without a slot gets, in a dry run too", async () => {
  expect(await ask(stand, "launch --tests none --dry-run")).toMatch(/Keep: 30m, then terminate/);
  const kept = await stand.begin("launch --tests none");
  expect((await stand.ended(kept.id)).state).toBe("succeeded");
  const slot = (await runOf(stand, kept.id)).target ?? "";
  expect(await slotOf(stand, slot)).toMatchObject({ state: "held" });
  expect(await instanceOn(stand, slot)).toMatch(/^i-/);

  // The control: with the others taken, it is the one that terminates.
  for (const name of ["stg1", "stg2", "stg3"]) if (name !== slot) await ask(stand, `lock ${name}`);
  expect(await ask(stand, "launch --tests none --dry-run")).toMatch(
    /shown for stg4[\s\S]*Terminate afterwards, confirm, release the slot/,
  );
  const other = await stand.begin("launch --tests none");
  expect((await stand.ended(other.id)).state).toBe("succeeded");
  expect((await runOf(stand, other.id)).target).toBe("stg4");
  expect(await slotOf(stand, "stg4")).toMatchObject({ state: "free" });
}, 90_000);
