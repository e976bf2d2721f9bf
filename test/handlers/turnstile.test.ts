import { afterEach, describe, expect, it } from "vitest";
import { Turnstile } from "../../handlers/turnstile.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface | undefined;
afterEach(async () => {
  await surface?.close();
  surface = undefined;
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a turnstile", () => {
  it("lets effects through in order of arrival, whoever is ready first", async () => {
    const turnstile = new Turnstile();
    const order: number[] = [];
    await Promise.all(
      [30, 0, 10, 20].map(async (lookUpMs, number) => {
        const turn = turnstile.enter();
        await pause(lookUpMs);
        await turn.wait();
        order.push(number);
        turn.through();
      }),
    );
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("does not wait for one that had no effect in the end", async () => {
    const turnstile = new Turnstile();
    const refused = turnstile.enter();
    const next = turnstile.enter();
    refused.through();
    await next.wait();
  });
});

describe("slash commands of several people", () => {
  it("queue in their order of arrival although the first one's look-up is the slowest", async () => {
    surface = await TestSurface.open();
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg1");
    surface.slack.slow.set("users.info", 150);
    await surface.command("launch stg1", { user_id: "U0MAINT" });
    surface.slack.slow.clear();
    await surface.command("launch stg1", { user_id: "U0GROUPED" });
    await surface.command("launch stg1", { user_id: "U0DEV" });
    await surface.slack.called("chat.postEphemeral", 3);
    const queue = await surface.bot.parts.engine.queue("stg1");
    expect(queue.map(({ requestedBy }) => requestedBy.id)).toEqual([
      "slack:U0MAINT",
      "slack:U0GROUPED",
      "slack:U0DEV",
    ]);
  });
});
