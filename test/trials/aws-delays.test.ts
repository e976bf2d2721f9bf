import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { Stand } from "./support/stand.ts";

let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterEach(async () => {
  await stand.control("config", { delays: { consistency: 0, staleRead: 0 } });
});
afterAll(() => stand.close(), 60_000);

it("an AWS that shows everything 5 s late: launched once, undone whole", async () => {
  await stand.control("config", { delays: { consistency: 5_000, staleRead: 5_000 } });
  stand.trial.begin();
  const { state, reason } = await stand.ended((await stand.begin("launch stg1 --tests none")).id);
  expect(`${state} ${reason ?? ""}`.trim()).toBe("succeeded");
  expect(await stand.trial.audit()).toEqual([]);
}, 120_000);

it("cancelled before such an AWS shows the instance: it is terminated all the same", async () => {
  await stand.control("config", { delays: { consistency: 5_000, staleRead: 5_000 } });
  stand.trial.begin();
  const { id } = await stand.begin("launch stg1 --tests none");
  await stand.untilStep(id, /Instance runs$/);
  await stand.say(`cancel ${id}`);
  expect((await stand.ended(id)).state).toBe("cancelled");
  expect(await stand.trial.audit({ state: "cancelled" })).toEqual([]);
}, 120_000);
