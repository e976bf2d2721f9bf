import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commands } from "../../commands/index.ts";
import { pinOf, wasLookedUp } from "../../commands/lib/read-again.ts";
import { t, toPlain } from "../../commands/lib/text.ts";
import type { CommitSource } from "../../commands/services.ts";
import { refuse } from "../../commands/services.ts";
import { findBrokenAudit, listAudit } from "../../db/audit.ts";
import { dev, dev2, maint, plain, TestBot } from "../support/bot.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const asMaintainer = { person: maint, roles: ["maintainer"] } as const;
const asOther = { person: dev2, roles: ["developer"] } as const;

let bot: TestBot;
beforeEach(async () => {
  bot = await TestBot.open();
});
afterEach(async () => {
  await bot.close();
});

/** A use of each command that is well-formed. */
const EXAMPLES: Readonly<Record<string, string>> = {
  status: "status",
  launch: "launch stg1 --dry-run",
  update: "update stg1",
  swap: "swap stg1",
  test: "test stg1",
  terminate: "terminate stg1",
  lock: "lock stg1",
  unlock: "unlock stg1",
  extend: "extend stg1 1h",
  queue: "queue",
  start: "start stg1",
  leave: "leave stg1",
  cancel: "cancel 1",
  retry: "retry 1",
  show: "show 1",
  logs: "logs 1",
  history: "history",
  clean: "clean stg1",
  whoami: "whoami",
  help: "help",
};
const RANKS = { viewer: 1, developer: 2, maintainer: 3 } as const;

describe("roles", () => {
  it("has an example of every command", () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual(commands.map(({ name }) => name).sort());
  });

  it.each(commands.map((command) => [command.name, command.role] as const))("%s", async (name, needed) => {
    for (const roles of [[], ["viewer"], ["developer"], ["maintainer"], ["release"]] as const) {
      const outcome = await bot.say(EXAMPLES[name] ?? "", { roles });
      const best = Math.max(0, ...roles.map((role) => (role === "release" ? 1 : RANKS[role])));
      const may = needed === null || (needed !== "release" && best >= RANKS[needed]);
      const refusedForRole = outcome.refused && outcome.reasonCode === "role_missing";
      expect([roles, refusedForRole]).toEqual([roles, !may]);
      if (!may) expect(plain(outcome)).toMatch(/needs the role .* Nothing was started\. .*whoami/);
    }
  });

  it("of the run's own command are needed to cancel and retry", async () => {
    await bot.keepSomethingOn("stg1");
    for (const text of ["cancel 1", "retry 1"]) {
      expect(await bot.say(text, { roles: ["viewer"] })).toMatchObject({ reasonCode: "role_missing" });
      expect(await bot.say(text, { roles: ["release"] })).toMatchObject({ reasonCode: "role_missing" });
    }
  });
});

describe("launch", () => {
  it("hands the engine what was asked", async () => {
    const outcome = await bot.say(
      `launch stg1 --sha ${SHA} --tests chrome --keep 2h --ami ami-12345678 --reason "a b"`,
    );
    if (outcome.refused || !outcome.run) throw new Error(plain(outcome));
    expect(plain(outcome)).toMatch(
      /run #1 \(http:\/\/bot\.example\.org\/runs\/1\): launch of stg1 has started\./,
    );
    expect(outcome.run).toMatchObject({
      kind: "launch",
      sha: SHA,
      via: "slack",
      reason: "a b",
      requestedBy: dev,
    });
    expect(outcome.run.input).toEqual({
      sha: SHA,
      repository: null,
      named: "sha",
      ref: null,
      pr: null,
      ami: "ami-12345678",
      tests: ["chrome"],
      keep: true,
      keepMs: 7_200_000,
      origin: { channel: "C0STAGING" },
    });
  });

  it("says what it would do and starts nothing with --dry-run", async () => {
    const text = await bot.hear("launch stg1 --dry-run --keep");
    for (const part of [
      "nothing was started",
      "as the image has it",
      "ami-12345678",
      "t3.large in subnet-11111111; t3.large in subnet-22222222; t3a.large in subnet-11111111",
      "Pull → (Start web ∥ Start api)",
      "chrome, firefox",
      "Keep: 4h",
    ]) {
      expect(text).toContain(part);
    }
    expect(await bot.runCount()).toBe(0);
  });

  it("queues when the slot is taken, and says who holds it and what to do", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    const text = await bot.hear("launch stg1", asOther);
    expect(text).toMatch(/run #2 .* is waiting/);
    expect(text).toMatch(/stg1 is held by Dev \(run #1 .* is at work\)/);
    expect(text).toMatch(/since \d{4}-/);
    expect(text).toMatch(/Number 1 in the queue, no earlier run tells when/);
    expect(text).toMatch(
      /It starts by itself; \/stg cancel 2 gives the place up\. You are asked first if that takes longer than 30m\.$/,
    );
    // The control: who cannot be asked in Slack is not told so.
    const terminal = { person: { id: "terminal:ops", name: "ops" } };
    expect(await bot.hear("launch stg1", terminal)).toMatch(/\/stg cancel 3 gives the place up\.$/);
    expect(await bot.hear("queue stg1")).toMatch(/1\. Dora, run #2/);
    bot.pipelines.letGo();
    await bot.parts.ended(2);
  });

  it("estimates from earlier runs", async () => {
    const first = await bot.say("launch stg1");
    if (first.refused || !first.run) throw new Error("refused");
    await bot.parts.ended(first.run.id);
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    expect(await bot.hear("launch stg1", asOther)).toMatch(/probably in less than a minute/);
  });

  it("counts the times for which those ahead keep their environments", async () => {
    const first = await bot.say("launch stg1");
    if (first.refused || !first.run) throw new Error("refused");
    await bot.parts.ended(first.run.id);
    bot.pipelines.hold = true;
    await bot.say("launch stg1 --keep 20m");
    await bot.say("launch stg1 --keep 10m", asOther);
    expect(await bot.hear("launch stg1", asMaintainer)).toMatch(/Number 2 in the queue, probably in 30m\b/);
    expect(await bot.hear("queue stg1")).toMatch(
      /1\. Dora.*probably in 20m\b[\s\S]*2\. Mina.*probably in 30m\b/,
    );
  });

  it("promises no time while a lock without an end is ahead, be its holder's own run at work or not", async () => {
    await bot.say("lock stg1");
    expect(await bot.hear("launch stg1", asOther)).toMatch(
      /Number 1 in the queue, not before Dev unlocks it\./,
    );
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    expect(await bot.hear("queue stg1")).toMatch(/1\. Dora.*not before Dev unlocks it/);
    // The control: unlocked, there is none that could be told.
    bot.pipelines.letGo();
    await bot.parts.ended(2);
    await bot.say("unlock stg1");
    await bot.parts.ended(1);
  });

  it("shows the order in which they will run: the holder's own runs, then the others as they came", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1 --keep 1h");
    expect(await bot.hear("launch stg1", asOther)).toContain("Number 1 in the queue");
    expect(await bot.hear("launch stg1 --keep 1h")).toContain("Number 1 in the queue");
    expect(await bot.hear("queue stg1")).toMatch(/1\. Dev, run #3[\s\S]*2\. Dora, run #2/);
    // And so they run.
    bot.pipelines.letGo();
    await bot.parts.ended(3);
    expect((await bot.parts.engine.run(2))?.state).toBe("queued");
  });

  it("keeps the order in which they came where nothing is kept", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    await bot.say("launch stg1", asOther);
    expect(await bot.hear("launch stg1")).toContain("Number 2 in the queue");
    expect(await bot.hear("queue stg1")).toMatch(/1\. Dora, run #2[\s\S]*2\. Dev, run #3/);
  });

  it("refuses instead with --no-wait", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    const refused = await bot.say("launch stg1 --no-wait", asOther);
    expect(refused).toMatchObject({ reasonCode: "slot_taken" });
    expect(plain(refused)).toMatch(
      /stg1 is taken by Dev \(run #1 .*is at work\).*, since .* UTC\. Nothing was started\. .*queue.*\/#slot-stg1/,
    );
    expect(await bot.runCount()).toBe(1);
  });

  it("tells those who wait why the slot is taken", async () => {
    bot.pipelines.hold = true;
    await bot.say('launch stg1 --reason "show for sales"');
    expect(await bot.hear("launch stg1", asOther)).toContain(
      "(run #1 (http://bot.example.org/runs/1) is at work): show for sales",
    );
    expect(await bot.hear("status stg1")).toContain("show for sales");
  });

  it("takes the first free slot when none is named", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    const outcome = await bot.say("launch", asOther);
    expect(outcome).toMatchObject({ run: { target: "stg2" } });
  });

  it("starts one run for the same event", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1", { key: "slack:T1" });
    expect(await bot.hear("launch stg1", { key: "slack:T1" })).toContain("was already started");
    expect(await bot.runCount()).toBe(1);
    await bot.say("launch stg1", { key: "slack:T2" });
    expect(await bot.runCount()).toBe(2);
  });

  it.each([
    ["launch stg9", "unknown_slot", /Did you mean stg1\?|Slots: stg1, stg2/],
    [`launch stg1 --pr 1 --sha ${SHA}`, "conflicting_options", /--sha and --pr/],
    ["launch stg1 --pr 1", "github_not_configured", /--sha \(40 digits\)/],
    ["launch stg1 --ref main", "github_not_configured", /--ref/],
    ["launch stg1 --sha 0123456", "github_not_configured", /short/],
    ["launch stg1 --tests safari", "browser_not_configured", /chrome, firefox/],
    ["launch stg1 --keep 25h", "max_ttl_reached", /at most 1d/],
  ])("refuses %s", async (text, reasonCode, message) => {
    const outcome = await bot.say(text);
    expect(outcome).toMatchObject({ refused: true, reasonCode });
    expect(plain(outcome)).toMatch(message);
    expect(plain(outcome)).toContain("Nothing was started.");
    expect(await bot.runCount()).toBe(0);
  });
});

describe("launch with GitHub", () => {
  const wishes: unknown[] = [];
  const commits: CommitSource = {
    resolve: async (wish) => {
      wishes.push(wish);
      if (wish.pr === 404) return refuse("pull_request_not_found", t`No such pull request.`);
      return { repository: wish.repository, sha: SHA, ref: "main", pr: wish.pr ?? null, title: "Fix it" };
    },
  };

  it("pins the commit when the command is read", async () => {
    const other = await TestBot.open({ commits });
    try {
      const outcome = await other.say("launch stg1 --pr acme/api#7");
      expect(outcome).toMatchObject({ run: { sha: SHA, pr: 7 } });
      await other.say("launch stg1");
      expect(wishes).toEqual([
        { repository: "acme/api", pr: 7, sha: undefined, ref: undefined },
        { repository: "acme/web", pr: undefined, sha: undefined, ref: undefined },
      ]);
      expect(await other.say("launch stg1 --pr 404")).toMatchObject({ reasonCode: "pull_request_not_found" });
      expect(await other.say("launch stg1 --pr evil/web#1")).toMatchObject({
        reasonCode: "repository_not_allowed",
      });
      expect(await other.say("launch --pr evil/web#1")).toMatchObject({ reasonCode: "no_slots" });
    } finally {
      await other.close();
    }
  });
});

describe("a commit that a run was pinned to", () => {
  const none = { ref: null, pr: null };

  it.each([
    ["a pull request", { ref: "login", pr: 7 }, { named: "pr" }],
    ["the default branch or another", { ref: "main", pr: null }, { named: "default" }],
  ])("by an older version is read again as %s", (_, input, expected) => {
    expect(pinOf({ sha: SHA, ...input }, "acme/web")).toMatchObject({ repository: "acme/web", ...expected });
  });

  it("is not read again where nobody had looked it up", () => {
    expect(wasLookedUp({ sha: SHA, ...none })).toBe(false);
    expect(wasLookedUp({ sha: SHA, ...none, repository: null, named: "sha" })).toBe(false);
    expect(wasLookedUp({ sha: null, ...none, repository: null, named: "default" })).toBe(false);
    // Control
    expect(wasLookedUp({ sha: SHA, ...none, repository: "acme/web", named: "sha" })).toBe(true);
  });
});

describe("a command on what stands there", () => {
  it.each(["update", "swap", "test", "terminate"])("%s needs something there", async (kind) => {
    const outcome = await bot.say(`${kind} stg1`);
    expect(outcome).toMatchObject({ reasonCode: "nothing_there" });
    expect(plain(outcome)).toContain("/stg launch stg1 --keep");
  });

  it.each(["update", "swap", "test", "terminate"])(
    "%s is for the holder, else a maintainer",
    async (kind) => {
      await bot.keepSomethingOn("stg1");
      const refused = await bot.say(`${kind} stg1`, asOther);
      expect(refused).toMatchObject({ reasonCode: "not_holder" });
      expect(plain(refused)).toMatch(
        /held by Dev .*since .*until .*Nothing was started\. Ask Dev or a maintainer/,
      );
      const run = await bot.say(`${kind} stg1`, asMaintainer);
      if (run.refused || !run.run) throw new Error(plain(run));
      expect((await bot.parts.ended(run.run.id)).state).toBe("succeeded");
    },
  );

  it("is refused while a run is at work", async () => {
    await bot.keepSomethingOn("stg1");
    bot.pipelines.hold = true;
    await bot.say("update stg1");
    const outcome = await bot.say("terminate stg1");
    expect(outcome).toMatchObject({ reasonCode: "slot_busy" });
    expect(plain(outcome)).toContain("/stg cancel 2");
  });

  it("passes on what was asked", async () => {
    bot.pipelines.tests = { ...bot.pipelines.tests, failed: 1 };
    await bot.keepSomethingOn("stg1");
    const outcome = await bot.say("test stg1 --failed --browsers chrome");
    if (outcome.refused || !outcome.run) throw new Error(plain(outcome));
    const tested = await bot.services.engine.run(1);
    const asked = { failedOnly: true, browsers: ["chrome"], earlier: tested?.uuid };
    expect(outcome.run.input).toMatchObject(asked);
    await bot.parts.ended(outcome.run.id);
    const swapped = await bot.say("swap stg1 i-0123456789abcdef0");
    expect(swapped).toMatchObject({ run: { input: { instanceId: "i-0123456789abcdef0" } } });
  });

  it("refuses test --failed when nothing failed", async () => {
    await bot.keepSomethingOn("stg1");
    expect(await bot.say("test stg1 --failed")).toMatchObject({ reasonCode: "no_failed_tests" });
  });

  it("tells a former holder what has become of what they held, and what to do", async () => {
    const told = async (words: string) => {
      const outcome = await bot.say(words, asMaintainer);
      if (outcome.refused) throw new Error(plain(outcome));
      return (outcome.tell ?? []).map(({ text }) => toPlain(text)).join();
    };
    await bot.keepSomethingOn("stg1");
    expect(await told("lock stg1 --force")).toMatch(
      /^Mina has taken stg1 over\. Your environment there goes on as theirs, until .*\/stg queue stg1/,
    );
    await bot.keepSomethingOn("stg2");
    expect(await told("unlock stg2 --force")).toMatch(
      /^Mina has given up stg2, which you held: your environment there is terminated\. \/stg launch stg2/,
    );
  });

  it("terminate of another's environment tells its holder; of one's own nobody", async () => {
    await bot.keepSomethingOn("stg1");
    await bot.keepSomethingOn("stg2");
    const outcome = await bot.say("terminate stg1", asMaintainer);
    if (outcome.refused) throw new Error(plain(outcome));
    expect(outcome.tell).toMatchObject([{ person: dev }]);
    expect(await bot.say("terminate stg2")).not.toHaveProperty("tell");
  });

  it("terminate frees the slot", async () => {
    await bot.keepSomethingOn("stg1");
    const outcome = await bot.say("terminate stg1");
    if (outcome.refused || !outcome.run) throw new Error(plain(outcome));
    await bot.parts.ended(outcome.run.id);
    expect(await bot.hear("status stg1")).toMatch(/^stg1 free/);
  });
});

describe("holding a slot", () => {
  it("locks, extends and unlocks, in front of everyone", async () => {
    const locked = await bot.say('lock stg1 --for 2h --reason "demo"');
    expect(locked).toMatchObject({ audience: "channel" });
    expect(plain(locked)).toMatch(/stg1 is held by Dev until .*: demo/);
    const extended = await bot.say("extend stg1 1h");
    expect(plain(extended)).toMatch(/stg1 is held until/);
    expect(plain(await bot.say("unlock stg1"))).toBe("Dev has unlocked stg1.");
  });

  it("refuses another's slot with who, why, since when, and what to do", async () => {
    await bot.say('lock stg1 --for 2h --reason "demo for sales"');
    for (const text of ["unlock stg1", "unlock stg1 --force", "lock stg1", "extend stg1 1h"]) {
      const outcome = await bot.say(text, asOther);
      expect(outcome).toMatchObject({ reasonCode: "not_holder" });
      expect(plain(outcome)).toMatch(
        /held by Dev: demo for sales, since .* UTC, until .* UTC\. Nothing was started\. Ask Dev, or a maintainer: \/stg \w+ stg1.* --force/,
      );
    }
    const outcome = await bot.say("unlock stg1", asMaintainer);
    expect(outcome).toMatchObject({ reasonCode: "force_needed" });
    expect(plain(outcome)).toContain("/stg unlock stg1 --force");
    expect((await bot.parts.engine.leases(["stg1"]))[0]).toMatchObject({ mode: "locked", holder: dev });
  });

  it("lets a maintainer force it and tells the holder", async () => {
    await bot.say("lock stg1");
    const outcome = await bot.say("unlock stg1 --force", asMaintainer);
    if (outcome.refused) throw new Error(plain(outcome));
    expect(outcome.tell).toMatchObject([{ person: dev }]);
    await bot.say("lock stg1");
    expect(await bot.say("lock stg1 --force", asMaintainer)).toMatchObject({ tell: [{ person: dev }] });
    expect(await bot.say("extend stg1 1h --force", asMaintainer)).toMatchObject({ reasonCode: "no_end" });
  });

  it("names the link of the run that is at work", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    const text = await bot.hear("unlock stg1", asOther);
    expect(text).toMatch(/run #1 \(http:\/\/bot\.example\.org\/runs\/1\) of Dev is at work/);
  });

  it("says what a missing length of time looks like", async () => {
    expect(await bot.hear("extend stg1")).toContain("extend needs a length of time such as 1h.");
    expect(await bot.hear("launch stg1 --tests chrom")).toContain("did you mean chrome? Nothing");
  });

  it.each([
    ["unlock stg1", "not_locked"],
    ["extend stg1 1h", "nothing_there"],
    ["leave stg1", "not_queued"],
  ])("refuses %s of a free slot", async (text, reasonCode) => {
    expect(await bot.say(text)).toMatchObject({ reasonCode });
  });

  it("stops at the longest life of an environment", async () => {
    await bot.keepSomethingOn("stg1");
    expect(await bot.hear("extend stg1 30m")).not.toContain("maxTtl");
    expect(await bot.hear("extend stg1 2h")).toContain("the longest that the slot allows (maxTtl)");
    expect(await bot.say("extend stg1 1h")).toMatchObject({ reasonCode: "max_ttl_reached" });
  });

  it("stops at a lock's own longest, whatever the slot's maxTtl, and says the day", async () => {
    const DAY = 86_400_000;
    const until = async () => (await bot.parts.engine.leases(["stg1"]))[0]?.until ?? 0;
    await bot.say("lock stg1 --for 3d");
    const first = await until();
    expect(await bot.hear("extend stg1 1h")).not.toContain("That is");
    expect((await until()) - first).toBe(3_600_000);
    expect(await bot.hear("extend stg1 30d")).toContain("That is as long as a lock can be (30d).");
    const last = await until();
    expect(last - Date.now()).toBeLessThanOrEqual(30 * DAY);
    expect(last - Date.now()).toBeGreaterThan(29 * DAY);
    // The engine's own "no": a time of another day is told with its day.
    const by = { id: dev.id, name: dev.name };
    const longer = { until: Date.now() + 31 * DAY, reason: null };
    await bot.parts.engine.lock("stg2", by, longer);
    const day = new Date(longer.until).toISOString().slice(0, 10);
    const refused = await bot.say("extend stg2 1h");
    expect(refused).toMatchObject({ reasonCode: "max_lock_reached" });
    expect(plain(refused)).toContain(`locked until ${day} `);
  });

  it("a lock's time for what is kept is refused, and nothing has changed", async () => {
    await bot.keepSomethingOn("stg1");
    const lease = async (slot: string) => (await bot.parts.engine.leases([slot]))[0];
    const before = await lease("stg1");
    for (const [text, as] of [
      ["lock stg1 --for 5m", {}],
      ["lock stg1 --for 5m --force", asMaintainer],
    ] as const) {
      const refused = await bot.say(text, as);
      expect(refused).toMatchObject({ reasonCode: "environment_kept" });
      expect(plain(refused)).toMatch(/\/stg extend stg1 1h gives it more time, \/stg terminate stg1 ends it/);
      expect(await lease("stg1")).toEqual(before);
    }
    expect(await bot.hear("lock stg1 --for 5m --force", asMaintainer)).toContain("lock stg1 --force");
    // The engine's own answer too, should it be kept only since the command had looked.
    const late = { until: Date.now() + 300_000, reason: null };
    expect(await bot.parts.engine.lock("stg1", dev, late)).toMatchObject({ reasonCode: "environment_kept" });
    // Controls: without a time it is theirs as before, and what is free is locked for that time.
    expect(await bot.say("lock stg1 --force", asMaintainer)).toMatchObject({ refused: false });
    expect(await lease("stg1")).toMatchObject({ holder: maint, until: before?.until });
    const soon = Date.now() + 300_000;
    await bot.say("lock stg2 --for 5m");
    expect((await lease("stg2"))?.until).toBeGreaterThanOrEqual(soon);
  });

  it("keeps a cleanup that does not succeed dirty; clean --force declares it clean", async () => {
    bot.pipelines.stuck = true;
    await bot.keepSomethingOn("stg1");
    expect(await bot.hear("unlock stg1")).toMatch(/what stands there is terminated, then it is free/);
    expect(await bot.say("lock stg1")).toMatchObject({ reasonCode: "slot_dirty" });
    expect(await bot.say("clean stg2", asMaintainer)).toMatchObject({ reasonCode: "not_dirty" });
    expect(await bot.hear("clean stg1", asMaintainer)).toMatch(
      /tried again now.*Owed: .*clean stg1 --force/s,
    );
    expect(await bot.hear("clean stg1 --force", asMaintainer)).toMatch(/Mina has declared stg1 clean/);
  });
});

describe("runs", () => {
  it("are cancelled once, and leave the queue", async () => {
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    await bot.say("launch stg1", asOther);
    expect(await bot.hear("leave stg1", asOther)).toMatch(/Dora no longer waits for stg1/);
    expect(await bot.hear("cancel 1")).toMatch(/Dev has cancelled run #1 .* it stops and cleans up/);
    await bot.parts.ended(1);
    expect(await bot.hear("show 1")).toMatch(/Cancelled by Dev/);
    expect(await bot.hear("show 1")).not.toMatch(/^Failed/m);
    expect(await bot.say("cancel 1")).toMatchObject({ reasonCode: "run_ended" });
    expect(await bot.say("cancel 99")).toMatchObject({ reasonCode: "unknown_run" });
  });

  it("are retried with the same commit and input", async () => {
    const first = await bot.say(`launch stg1 --sha ${SHA} --tests none`);
    if (first.refused || !first.run) throw new Error(plain(first));
    await bot.parts.ended(first.run.id);
    const again = await bot.say("retry 1", asOther);
    expect(again).toMatchObject({
      run: { sha: SHA, retryOf: 1, requestedBy: dev2, input: { tests: "none" } },
    });
    bot.pipelines.hold = true;
    await bot.say("launch stg2");
    expect(await bot.say("retry 3")).toMatchObject({ reasonCode: "run_active" });
  });

  it("that worked on what stood there are retried while the same commit stands", async () => {
    const other = "f".repeat(40);
    await bot.say(`launch stg1 --keep --sha ${SHA}`);
    await bot.parts.ended(1);
    for (const [index, text] of ["update stg1", "test stg1", "swap stg1"].entries()) {
      await bot.say(text);
      await bot.parts.ended(index + 2);
    }
    expect(await bot.say("retry 2")).toMatchObject({ run: { kind: "update", sha: SHA } });
    await bot.parts.ended(5);
    await bot.say(`launch stg1 --keep --sha ${other}`);
    await bot.parts.ended(6);
    for (const run of [2, 3, 4]) {
      const outcome = await bot.say(`retry ${run}`);
      expect(outcome).toMatchObject({ reasonCode: "other_commit_stands" });
      expect(plain(outcome)).toMatch(
        new RegExp(
          `was of ${SHA.slice(0, 7)}; fffffff stands on stg1 now\\. Nothing was started\\. /stg (update|test|swap) stg1 .*/stg launch stg1 --sha ${SHA}`,
        ),
      );
    }
    // What ends it must not end another one either.
    await bot.say("terminate stg1");
    await bot.parts.ended(7);
    await bot.say(`launch stg1 --keep --sha ${SHA}`);
    await bot.parts.ended(8);
    expect(await bot.say("retry 7")).toMatchObject({ reasonCode: "other_commit_stands" });
    expect(await bot.runCount()).toBe(8);
  });

  it("that ended are said to wait for nothing", async () => {
    await bot.say("launch stg1");
    await bot.parts.ended(1);
    expect(await bot.hear("leave 1")).toMatch(
      /^run #1 \(.*\) does not wait: it has ended \(succeeded\)\. Nothing was started\. /,
    );
    bot.pipelines.hold = true;
    await bot.say("launch stg1");
    await bot.say("launch stg1", asOther);
    await bot.say("cancel 3", asOther);
    expect(await bot.hear("leave 3", asOther)).toMatch(
      /^run #3 \(.*\) has left the queue already: Cancelled by Dora before it began\. Nothing/,
    );
  });

  it.each([["update stg1"], ["swap stg1"], ["test stg1"], ["terminate stg1"], ["retry 2"]])(
    "that “%s” has started are told of when it is handled again, whatever goes on by then",
    async (text) => {
      await bot.keepSomethingOn("stg1");
      await bot.say("update stg1");
      await bot.parts.ended(2);
      bot.pipelines.hold = true;
      const first = await bot.say(text, { key: "slack:1" });
      if (first.refused) throw new Error(plain(first));
      expect(await bot.hear(text, { key: "slack:1", interrupted: true })).toMatch(
        /^run #3 \(.*\) was already started by this\.$/,
      );
      expect(await bot.say(text, { key: "slack:1", late: true })).toMatchObject({
        run: { id: first.run?.id },
      });
      // Control: another command of the same words is refused, since that run is at work.
      expect(await bot.say(text, { key: "slack:2" })).toMatchObject({ reasonCode: "slot_busy" });
      expect(await bot.runCount()).toBe(3);
    },
  );

  it("are shown with their steps, tests and output", async () => {
    await bot.keepSomethingOn("stg1");
    expect(await bot.hear("show 1")).toMatch(/launch stg1 .*✓ Work .*Tests: 3 passed, 0 failed.*Owed: /s);
    expect(await bot.hear("logs 1")).toContain("launch says hello\nand <!channel> & goodbye");
    expect(await bot.hear("logs 1 work")).toContain("launch says hello");
    expect(await bot.say("logs 1 wrk")).toMatchObject({ reasonCode: "unknown_step" });
    expect(await bot.hear("history stg1")).toMatch(/run #1/);
    expect(await bot.hear("history")).toMatch(/run #1/);
    expect(await bot.say("history stg7")).toMatchObject({ reasonCode: "unknown_target" });
    expect(await bot.hear("status")).toMatch(/stg1 held by Dev \(a kept environment\).*\n.*stg2 free/);
    expect(await bot.hear("status stg1")).toMatch(/i-0123456789abcdef0/);
  });

  it("tell of output that was left out, with the last lines", async () => {
    bot.pipelines.flood = true;
    await bot.keepSomethingOn("stg1");
    const told = /last lines: Work: … 4\.0 GB of output left out.*line 11\n.*line 40/s;
    expect(await bot.hear("logs 1")).toMatch(told);
    expect(await bot.hear("logs 1 work")).toMatch(told);
    // Control: of a run that says little nothing is told.
    bot.pipelines.flood = false;
    await bot.keepSomethingOn("stg2");
    expect(await bot.hear("logs 2")).not.toContain("left out");
  });
});

describe("1,000 random commands", () => {
  it("of somebody without the role start nothing", async () => {
    const words = [
      "launch",
      "lock",
      "stg1",
      "stg2",
      "--keep",
      "--pr",
      "2h",
      "cancel",
      "1",
      "terminate",
      "🚀",
      "—",
      '"',
    ];
    let seed = 7;
    const next = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed;
    };
    for (let round = 0; round < 1_000; round += 1) {
      const text = Array.from({ length: next() % 6 }, () => words[next() % words.length]).join(" ");
      const outcome = await bot.say(text, { roles: ["viewer"] });
      expect(text === "" || outcome.refused).toBe(true);
    }
    expect(await bot.runCount()).toBe(0);
    const leases = await bot.parts.engine.leases(["stg1", "stg2"]);
    expect(leases.map(({ mode }) => mode)).toEqual(["free", "free"]);
    expect(await findBrokenAudit(bot.parts.db)).toBeNull();
  });
});

describe("late, interrupted and audited", () => {
  it("answers a late command and does not run it", async () => {
    expect(await bot.say("launch stg1", { late: true })).toMatchObject({ reasonCode: "too_late" });
    expect(await bot.runCount()).toBe(0);
  });

  it("does not repeat what cannot be repeated after an interruption", async () => {
    expect(await bot.say("lock stg1", { interrupted: true })).toMatchObject({ reasonCode: "interrupted" });
    expect(await bot.say("launch stg1", { interrupted: true })).toMatchObject({ run: { id: 1 } });
  });

  it("writes a line for what acts and for every refusal, in an unbroken chain", async () => {
    await bot.say("status");
    await bot.say("lock stg1");
    await bot.say("lunch");
    await bot.say("clean stg1");
    const audit = await listAudit(bot.parts.db, 10);
    expect(audit.map(({ action, outcome, reasonCode }) => [action, outcome, reasonCode])).toEqual([
      ["clean", "refused", "role_missing"],
      ["unknown", "refused", "unknown_command"],
      ["lock", "done", null],
    ]);
    expect(await findBrokenAudit(bot.parts.db)).toBeNull();
    await bot.parts.db.updateTable("audit").set({ who: "slack:U0EVE" }).where("seq", "=", 2).execute();
    expect(await findBrokenAudit(bot.parts.db)).toBe(2);
  });
});
