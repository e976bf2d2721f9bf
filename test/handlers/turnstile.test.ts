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

  it("passes one that is not ready in time; those behind keep their order, and it goes when it is ready", async () => {
    const turnstile = new Turnstile(20);
    const order: string[] = [];
    const [slow, second, third] = [turnstile.enter(), turnstile.enter(), turnstile.enter()];
    const thirdGoes = third.wait().then(() => order.push("third"));
    await second.wait();
    // Ready before its time was over: it is waited for, however long its effect takes.
    await pause(60);
    order.push("second");
    second.through();
    await thirdGoes;
    third.through();
    await slow.wait();
    order.push("slow");
    slow.through();
    expect(order).toEqual(["second", "third", "slow"]);
    await turnstile.enter().wait();
  });

  it("control: waits for one that is not ready while it has time", async () => {
    const turnstile = new Turnstile(3_600_000);
    const order: string[] = [];
    const [slow, second] = [turnstile.enter(), turnstile.enter()];
    const secondGoes = second.wait().then(() => order.push("second"));
    await pause(60);
    order.push("slow");
    slow.through();
    await secondGoes;
    expect(order).toEqual(["slow", "second"]);
  });
});

describe("slash commands of several people", () => {
  it("queue in their order of arrival although the first one's look-up is the slowest", async () => {
    surface = await TestSurface.open({ patienceMs: 3_600_000 });
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
