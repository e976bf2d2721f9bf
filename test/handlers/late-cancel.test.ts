import { afterEach, beforeEach, expect, it } from "vitest";
import { homeView } from "../../handlers/slack/home.ts";
import { RUN_ACTIONS } from "../../src/publish/slack-actions.ts";
import { plain, TestBot } from "../support/bot.ts";

const PATIENT = { timeout: 30_000 };
let bot: TestBot;

beforeEach(async () => {
  bot = await TestBot.open();
  // Its cleanup does not come to an end.
  bot.pipelines.stuck = true;
});
afterEach(() => bot.close());

const home = async () => JSON.stringify(await homeView(bot.services, bot.redact));
const outcome = async (id: number) => (await bot.services.engine.run(id))?.outcome?.state;

it("what only cleans up has no Cancel any more, and nobody is told to cancel it", async () => {
  bot.pipelines.hold = true;
  await bot.say("launch stg1");
  // The control: while it works it can be cancelled, and those who want the slot are told so.
  expect(await home()).toContain(RUN_ACTIONS.cancel);
  for (const command of ["unlock stg1", "retry 1", "leave 1"])
    expect(await bot.hear(command)).toContain("/stg cancel 1");

  bot.pipelines.letGo();
  await expect.poll(() => outcome(1), PATIENT).toBe("succeeded");
  expect(await home()).not.toContain(RUN_ACTIONS.cancel);
  for (const command of ["unlock stg1", "retry 1", "leave 1"])
    expect(await bot.hear(command)).toMatch(/It has done its work and cleans up: wait for its end/);
  const refused = await bot.say("cancel 1");
  expect(refused).toMatchObject({ reasonCode: "run_cleaning_up" });
  expect(plain(refused)).toContain("It keeps no environment: wait for its end.");
});
