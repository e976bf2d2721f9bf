import { afterAll, beforeAll, expect, it } from "vitest";
import { SLOTS } from "../../sandbox/supervisor/plan.ts";
import { type AwsCall, launchedSince, leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { BusyScript, isOfScript } from "./support/busy-script.ts";
import { Stand } from "./support/stand.ts";

/** A look that AWS has refused is followed by the next one a second later or more; else every 250 ms. */
const PATIENT_MS = 750;
const IMPATIENT: Patch = {
  file: "src/cloud/shared-poll.ts",
  find: "this.#pause = Math.min(SLOWEST_MS, this.#jittered(Math.max(STEADY_MS, this.#pause * 2)));",
  replace: "",
};
const REFUSED = 8;
let stand: Stand;

beforeAll(async () => {
  // Long enough for waiting to be what the bot does most.
  const delays = { pending: 3_000, sshReady: 50, terminate: 5_000 };
  stand = await Stand.open({ cloud: (config) => ({ ...config, delays }) });
}, 120_000);
afterAll(() => stand.close(), 60_000);

interface Limited {
  readonly ends: readonly string[];
  readonly launched: number;
  /** Calls of the bot's own, not the script's. */
  readonly calls: readonly AwsCall[];
  /** Those of them that AWS refused because of its request limits. */
  readonly refused: readonly AwsCall[];
  /** After a refused look, how long until the next one, in ms, on average. */
  readonly pauseMs: number;
}

/** Launches on these slots at once with AWS's request limits on, beside somebody's busy script. */
async function launchLimited(slots: readonly string[]): Promise<Limited> {
  const since = Date.now();
  await stand.control("config", { throttling: true });
  const script = new BusyScript(stand.yard.json);
  try {
    const runs = [];
    for (const slot of slots) runs.push(await stand.begin(`launch ${slot} --tests none`));
    const ended = await Promise.all(runs.map(({ id }) => stand.ended(id, 110_000)));
    const calls = (await stand.calls(since)).filter((call) => !isOfScript(call));
    const limited: Limited = {
      ends: ended.map(({ state, reason }) => `${state} ${reason ?? ""}`.trim()),
      launched: (await launchedSince(stand.yard, since)).length,
      calls,
      refused: calls.filter(isRefused),
      pauseMs: pauseAfterRefusal(calls.filter(isLook)),
    };
    console.log(tell(limited, Date.now() - since));
    return limited;
  } finally {
    await script.stop();
    await stand.control("config", { throttling: false });
  }
}

/** The poller's looks, one series for the whole region. */
function isLook({ action, parameters }: AwsCall): boolean {
  return action === "ec2:DescribeInstances" && JSON.stringify(parameters).includes('"instance-id"');
}

function isRefused({ code }: AwsCall): boolean {
  return code === "RequestLimitExceeded" || code === "Throttling";
}

function pauseAfterRefusal(looks: readonly AwsCall[]): number {
  const pauses = looks.flatMap((look, index) => {
    const next = looks[index + 1];
    return next && isRefused(look) ? [Date.parse(next.at) - Date.parse(look.at)] : [];
  });
  return pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
}

function tell({ ends, calls, refused, pauseMs }: Limited, tookMs: number): string {
  const actions = [...new Set(refused.map(({ action }) => action))].join(", ");
  const rate = ((calls.length * 1000) / tookMs).toFixed(1);
  return (
    `${ends.length} launches in ${Math.round(tookMs / 1000)} s: ${calls.length} calls of the bot's (${rate} a second), ` +
    `${refused.length} refused (${actions}); next look ${Math.round(pauseMs)} ms after a refused one`
  );
}

it("four launches at AWS's request limits: refused again and again, it waits longer, and each ends right", async () => {
  const limited = await launchLimited(SLOTS.map(({ name }) => name));
  expect(limited.ends).toEqual(SLOTS.map(() => "succeeded"));
  expect(limited.launched).toBe(SLOTS.length);
  expect(limited.refused.filter(isLook).length).toBeGreaterThanOrEqual(4);
  expect(limited.refused.length).toBeGreaterThan(limited.refused.filter(isLook).length);
  expect(limited.pauseMs).toBeGreaterThan(PATIENT_MS);
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(stand.trial.journal.openObligations()).toEqual([]);
  expect(stand.trial.journal.heldLeases()).toEqual([]);
}, 120_000);

it("the control: a bot that does not wait longer hammers, and is found out", async () => {
  await stand.renew([IMPATIENT]);
  await stand.control("faults", [{ action: "ec2:DescribeInstances", mode: "throttle", times: REFUSED }]);
  const since = Date.now();
  await stand.ended((await stand.begin("launch stg1 --tests none")).id);
  const looks = (await stand.calls(since)).filter(isLook);
  expect(looks.filter(isRefused)).toHaveLength(REFUSED);
  expect(pauseAfterRefusal(looks)).toBeLessThan(PATIENT_MS);
}, 120_000);
