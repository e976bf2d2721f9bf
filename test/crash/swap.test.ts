import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cloudState } from "../../sandbox/client.ts";
import { freeze, launchedSince } from "./support/cloud.ts";
import { OldInstance } from "./support/old-instance.ts";
import { bothSides, common, playAll, type Scenario, Series, summary } from "./support/series.ts";
import { Trial } from "./support/trial.ts";
import { openYards, type Yard } from "./support/yard.ts";

/** A yard on whose first slot something serves that the bot did not launch. */
interface Place {
  readonly yard: Yard;
  readonly old: OldInstance;
}

let yards: Yard[] = [];
let places: Place[] = [];
let plain: readonly string[];

beforeAll(async () => {
  yards = await openYards();
  const [first] = yards as [Yard];
  plain = await new Series(first, { command: () => "launch stg1 --tests none", expected: {} }).trace();
  places = await Promise.all(
    yards.map(async (yard) => ({ yard, old: await OldInstance.launch(yard, "stg1") })),
  );
}, 90_000);
afterAll(async () => {
  await Promise.all(yards.map((yard) => yard.close()));
});

/** Kills at every write that a launch on an empty slot does not have. */
async function killEverywhere(
  what: string,
  scenario: (place: Place) => Scenario,
  has: string,
): Promise<void> {
  const series = places.map((place) => new Series(place.yard, scenario(place)));
  const traces = await Promise.all(series.map((one) => one.trace()));
  const points = common(traces).filter((point) => !plain.includes(point));
  expect(points.join("\n")).toContain(has);
  const began = Date.now();
  const results = await playAll(series, bothSides(points));
  console.log(summary(what, results, (Date.now() - began) / 1000));
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  expect(results.filter(({ killed }) => !killed).map(({ point }) => point)).toEqual([]);
}

describe("a bot killed while it swaps", { timeout: 900_000 }, () => {
  it("replaces an old target all the same", async () => {
    const scenario = ({ old }: Place): Scenario => ({
      before: async () => await old.serve(),
      command: () => "launch stg1 --tests none",
      expected: { standing: [old.id] },
    });
    await killEverywhere("Replace", scenario, "obligation old-targets recorded");
  });

  it("turns the listener rule over all the same", async () => {
    const scenario = ({ old }: Place): Scenario => ({
      command: () => "launch stg3 --tests none",
      expected: { standing: [old.id] },
    });
    await killEverywhere("Switch", scenario, "obligation listener-rule recorded");
  });

  it("puts the old target back when the run is cancelled after its restart", async () => {
    const [{ yard, old }] = places as [Place];
    const trial = new Trial(yard, "back");
    await trial.start();
    trial.begin();
    await old.serve();
    trial.arm("after 1 step Load balancer sees it healthy running");
    await trial.say("launch stg1 --tests none");
    expect(await trial.untilKilled()).toBeDefined();
    expect(await cloudState(yard.json)).toMatchObject({ targets: [] });
    const [launched] = await launchedSince(yard, trial.since);
    await freeze(yard, launched?.id ?? "");
    await trial.start();
    await trial.say(`cancel ${trial.journal.runs().at(-1)?.id}`);
    await trial.untilEnded();
    expect(await trial.audit({ state: "cancelled", standing: [old.id] })).toEqual([]);
    await trial.end();
    expect(await cloudState(yard.json)).toMatchObject({ targets: [{ id: old.id }] });
  });
});
