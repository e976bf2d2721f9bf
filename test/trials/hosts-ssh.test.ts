import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { sleep } from "../../src/util/clock.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { changed, type Patch } from "../crash/support/versions.ts";
import { instanceOn, machines, messageOf, slotOf, threadOf } from "./support/scene.ts";
import type { Stand } from "./support/stand.ts";
import { StandPool } from "./support/stand-pool.ts";

/** Machines that do not let the bot in, are not who they should be, fall silent, or have no room left. */

/** One slot for each kind of patience. */
const PATIENT = "stg1";
const BRIEF_START = "stg2";
const BRIEF_LOSS = "stg3";
const FILLING = "stg4";

/** While this file stands in the yard's folder, the long job goes on. */
const HOLD = "hold";
const HOLD_IN_SHELL = `\${TALLY%/tally}/${HOLD}`;

/** The counter is on the machine's own disk, and a later step tells it: a step that ran twice is seen there. */
const STEPS = [
  { name: "Start LMS", run: "platform lms start" },
  { name: "Start services", run: "docker compose up -d" },
  { name: "Unpack", run: `[ "$SLIPWAY_SLOT" != ${FILLING} ] || head -c 20000000 /dev/zero > unpacked` },
  {
    name: "Long job",
    run: `echo "begin long" >> "$TALLY"; echo ran >> counter; n=0
while [ -e "${HOLD_IN_SHELL}" ]; do n=$((n+1)); echo "line $n"; sleep 0.1; done
echo "end long" >> "$TALLY"`,
    retries: 1,
  },
  { name: "Tell the counter", run: 'echo "the long job ran $(wc -l < counter) time(s)"' },
  { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
];

let pool: StandPool;

// The longest cases come first, so that the short ones fill the other stands meanwhile.
beforeAll(async () => {
  pool = await StandPool.open(4, { config: withPatience });
}, 120_000);
afterAll(() => pool.close(), 60_000);

function withPatience(config: JsonObject): JsonObject {
  const slots = config.slots as Record<string, JsonObject>;
  const update = config.serviceUpdate as JsonObject;
  const ssh = (name: string, times: JsonObject) => ({ [name]: { ...slots[name], ssh: times } });
  return {
    ...config,
    serviceUpdate: { ...update, steps: STEPS },
    slots: {
      ...slots,
      ...ssh(PATIENT, { readyWithin: "60s", reconnectWithin: "60s" }),
      ...ssh(BRIEF_START, { readyWithin: "8s" }),
      ...ssh(BRIEF_LOSS, { readyWithin: "60s", reconnectWithin: "5s" }),
      ...ssh(FILLING, { readyWithin: "60s" }),
    },
  };
}

const outageFacts = z.object({ outage: z.object({ until: z.number() }).nullish() });

interface Named {
  readonly code: string;
  readonly message: RegExp;
  readonly remedy: RegExp;
}

/** Launches onto a machine that is like that from its start. */
async function launchOnto(stand: Stand, slot: string, settings: object): Promise<number> {
  await machines(stand, settings);
  const { id } = await stand.begin(`launch ${slot} --tests none`);
  await stand.ended(id);
  await machines(stand, {});
  return id;
}

/** The fault is told by its name in the run and in the thread; the cloud is empty and the slot is free. */
async function expectNamed(stand: Stand, slot: string, id: number, named: Named): Promise<void> {
  const { outcome } = await stand.ended(id);
  expect(outcome).toMatchObject({ state: "failed", fault: { code: named.code } });
  const { message = "", remedy = "" } = outcome.fault ?? {};
  expect(message).toMatch(named.message);
  expect(remedy).toMatch(named.remedy);
  const thread = await threadOf(stand, id);
  expect(thread).toContain(message);
  expect(thread).toContain(remedy);
  expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
  expect((await slotOf(stand, slot)).state).toBe("free");
}

describe.concurrent("a connection that fails in the middle of a step", () => {
  it("is dropped: made again, and the step is joined, not run twice", async () => {
    await pool.play(async (stand) => {
      const id = await untilLongJob(stand, PATIENT);
      await change(stand, PATIENT, "drop-connections");
      await untilLogged(stand, id, /connection to .* was lost: .*Connecting again/);
      await untilFurther(stand, id);
      await expectJoined(stand, id);
    });
  }, 180_000);

  it("falls silent and comes back: noticed, and the step is joined, not run twice", async () => {
    await pool.play(async (stand) => {
      const id = await untilLongJob(stand, PATIENT);
      await change(stand, PATIENT, "freeze");
      await untilLogged(stand, id, /stopped answering on an open SSH connection.*Connecting again/);
      await untilTold(stand, id, /Long job \(SSH connection lost at .*, connecting again until .* UTC\)/);
      await change(stand, PATIENT, "thaw");
      await untilFurther(stand, id);
      await untilTold(stand, id, /Long job \(SSH connection lost at .*, connected again\)/);
      await expectJoined(stand, id);
    });
  }, 180_000);

  it("falls silent for good: given up, and named by how it was lost", async () => {
    await pool.play(async (stand) => {
      const id = await untilLongJob(stand, BRIEF_LOSS);
      await change(stand, BRIEF_LOSS, "freeze");
      const stream = logStream(stand, id);
      await expectNamed(stand, BRIEF_LOSS, id, {
        code: "ssh_half_open",
        message:
          /stopped answering on an open SSH connection\. It could not be connected to again within 5s:/,
        remedy: /console output.*frozen.*out of memory/s,
      });
      // Who watches the log sees the end too.
      expect(await stream).toContain('"state":"failed"');
      expect(stand.trial.tally()).toEqual({ "begin long": 1 });
      letGo(stand);
    });
  }, 180_000);
});

describe.concurrent("a bot that is killed while it looks for a lost host", () => {
  /** Kills it in the middle, and starts it when the time is over. @returns the deadlines before and at the end */
  async function deadlines(stand: Stand, patches: readonly Patch[]): Promise<readonly number[]> {
    const id = await untilLongJob(stand, BRIEF_LOSS);
    await change(stand, BRIEF_LOSS, "freeze");
    await stand.trial.until("written down", () => deadlineOf(stand) !== undefined, 60_000);
    const first = deadlineOf(stand) ?? 0;
    await stand.trial.kill();
    while (Date.now() <= first) await sleep(100);
    await stand.trial.start(changed(...patches));
    await expectNamed(stand, BRIEF_LOSS, id, {
      code: "ssh_half_open",
      message: /stopped answering on an open SSH connection\. It could not be connected to again within 5s:/,
      remedy: /console output/,
    });
    letGo(stand);
    return [first, deadlineOf(stand) ?? 0];
  }

  it("gives it up when it would have without", async () => {
    await pool.play(async (stand) => {
      const [first, last] = await deadlines(stand, []);
      expect(last).toBe(first);
    });
  }, 180_000);

  it("control: one that forgets when it began looks as long again", async () => {
    const forgets = { file: "src/remote/outage.ts", find: "this.#until = outage?.until;", replace: "" };
    await pool.play(async (stand) => {
      const [first = 0, last] = await deadlines(stand, [forgets]);
      expect(last).toBeGreaterThan(first);
    });
  }, 180_000);
});

describe.concurrent("a machine that does not let the bot in", () => {
  const named = (what: string, settings: object, expected: Named) =>
    it(what, async () => {
      await pool.play(async (stand) => {
        const id = await launchOnto(stand, BRIEF_START, settings);
        await expectNamed(stand, BRIEF_START, id, expected);
      });
    }, 180_000);

  named(
    "a wrong SSH host key",
    { hostKey: "other" },
    {
      code: "ssh_host_key_mismatch",
      message: /wrong SSH host key: SHA256:\S+ instead of SHA256:\S+\. .* sent it nothing\. It was tried for/,
      remedy: /user data.*ssh\.hostKey.*find out who answers/s,
    },
  );
  named(
    "a key that is refused",
    { auth: "refuse" },
    {
      code: "ssh_auth_refused",
      message: /refuses the SSH key for user ubuntu\. It was tried for/,
      remedy: /ssh\.user.*keyName.*ssh\.privateKey/s,
    },
  );
  named(
    "nothing listens",
    { sshAfterMs: 900_000 },
    {
      code: "ssh_unreachable",
      message: /cannot be reached over SSH: connection refused, nothing listens/,
      remedy: /ssh\.port.*security group.*ssh\.readyWithin/s,
    },
  );
  named(
    "every packet is dropped",
    { reachable: false },
    {
      code: "ssh_unreachable",
      message: /cannot be reached over SSH: it accepts connections but/,
      remedy: /security group.*ssh\.readyWithin/s,
    },
  );
});

describe.concurrent("a disk that is full", () => {
  it("fills up in the middle of a step: the step is named with it", async () => {
    await pool.play(async (stand) => {
      const id = await launchOnto(stand, FILLING, { homeFreeKiB: 4_000 });
      await expectNamed(stand, FILLING, id, {
        code: "remote_disk_full",
        message: /Unpack.*disk of ubuntu@\S+ is full/,
        remedy: /rootVolume\.size/,
      });
    });
  }, 180_000);

  it("has no room for a first step: nothing of it is begun", async () => {
    await pool.play(async (stand) => {
      const id = await launchOnto(stand, PATIENT, { homeFreeKiB: 4 });
      await expectNamed(stand, PATIENT, id, {
        code: "remote_disk_full",
        message: /Start LMS.*disk of ubuntu@\S+ is full/,
        remedy: /rootVolume\.size/,
      });
      expect(stand.trial.tally()).toEqual({});
    });
  }, 180_000);

  it("control: with room enough the same launch succeeds", async () => {
    await pool.play(async (stand) => {
      await launchOnto(stand, FILLING, {});
      expect(await stand.trial.audit({ jobs: ["long"] })).toEqual([]);
    });
  }, 180_000);
});

describe.concurrent("a bot without one precaution is found out", () => {
  const HOST_KEY_UNCHECKED: Patch = {
    file: "src/remote/session.ts",
    find: "return key.equals(pin.blob);",
    replace: "return true;",
  };
  const NOT_JOINED: readonly Patch[] = [
    {
      file: "src/remote/job/job.ts",
      find: 'if (!mayTryAgain(error)) throw error;\n    return "lost";',
      replace: "throw error;",
    },
    {
      file: "src/remote/service-update/run-job.ts",
      find: 'error.code === "remote_disk_full"',
      replace: '["remote_disk_full", "ssh_connection_lost"].includes(error.code)',
    },
  ];

  it("one that takes any host key launches onto a machine that is not its own", async () => {
    await pool.play(
      async (stand) => {
        const id = await launchOnto(stand, BRIEF_START, { hostKey: "other" });
        expect((await stand.ended(id)).outcome).toEqual({ state: "succeeded", fault: null });
      },
      [HOST_KEY_UNCHECKED],
    );
  }, 180_000);

  it("one that begins a lost step anew runs it twice", async () => {
    await pool.play(async (stand) => {
      const id = await untilLongJob(stand, PATIENT);
      await change(stand, PATIENT, "drop-connections");
      await stand.trial.until("begun a second time", () => (stand.trial.tally()["begin long"] ?? 0) > 1);
      letGo(stand);
      await stand.ended(id);
      expect(textOf(stand, id)).toContain("the long job ran 2 time(s)");
      expect(await stand.trial.audit({ jobs: ["long"] })).toContain("2 times “begin long”");
    }, NOT_JOINED);
  }, 180_000);
});

/** Launches, and holds the run in the middle of its long job. */
async function untilLongJob(stand: Stand, slot: string): Promise<number> {
  writeFileSync(join(stand.yard.folder, HOLD), "");
  const { id } = await stand.begin(`launch ${slot} --tests none`);
  await untilLogged(stand, id, /^line 1$/);
  return id;
}

/** Until when the host that was lost is looked for, as it is written down. */
function deadlineOf(stand: Stand): number | undefined {
  const outages = stand.trial.journal.facts("instance").map((facts) => outageFacts.parse(facts).outage);
  return outages.find((outage) => outage)?.until;
}

function letGo(stand: Stand): void {
  rmSync(join(stand.yard.folder, HOLD));
}

async function change(stand: Stand, slot: string, what: string): Promise<void> {
  await stand.control("instance", { id: await instanceOn(stand, slot), change: what });
}

async function untilLogged(stand: Stand, id: number, line: RegExp): Promise<void> {
  const logged = () => stand.trial.journal.log(id).some((one) => line.test(one.line));
  await stand.trial.until(`logged ${line}`, logged, 60_000);
}

/** Whoever looks at the run's message reads it there. */
async function untilTold(stand: Stand, id: number, text: RegExp): Promise<void> {
  const told = async () => text.test((await messageOf(stand, id))?.text ?? "");
  await stand.trial.until(`told ${text}`, told, 60_000);
}

function textOf(stand: Stand, id: number): string {
  return stand.trial.journal
    .log(id)
    .map(({ line }) => line)
    .join("\n");
}

/** The lines that the long job has said, as numbers. */
function linesOf(stand: Stand, id: number): number[] {
  return [...textOf(stand, id).matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
}

/** What the job says now is read again. */
async function untilFurther(stand: Stand, id: number): Promise<void> {
  const known = linesOf(stand, id).length;
  await stand.trial.until("read on", () => linesOf(stand, id).length > known, 60_000);
}

/** The run goes on to its good end, with the one job that it had, and with each of the job's lines once. */
async function expectJoined(stand: Stand, id: number): Promise<void> {
  letGo(stand);
  expect((await stand.ended(id)).outcome).toEqual({ state: "succeeded", fault: null });
  expect(textOf(stand, id)).toContain("the long job ran 1 time(s)");
  expect(stand.trial.tally()).toEqual({ "begin long": 1, "end long": 1 });
  const lines = linesOf(stand, id);
  expect(lines).toEqual(lines.map((_, index) => index + 1));
  expect(await stand.trial.audit({ jobs: ["long"] })).toEqual([]);
}

/** The run's log as a browser follows it, until the bot ends it. */
async function logStream(stand: Stand, id: number): Promise<string> {
  const { bot, dashboardToken } = stand.yard.json;
  const headers = { authorization: `Bearer ${dashboardToken}` };
  const answer = await fetch(`${bot}/api/runs/${id}/log`, { headers, signal: AbortSignal.timeout(150_000) });
  return await answer.text();
}
