import { describe, expect, it } from "vitest";
import {
  type AbsenceRecord,
  type Instance,
  judgeAbsence,
  NOTHING_SEEN,
  recordSighting,
} from "../../src/cloud/index.ts";

const MINUTE = 60_000;

function instance(state: Instance["state"]): Instance {
  return { id: "i-1", state, tags: {} } as Partial<Instance> as Instance;
}

/** Looks at these times; each sees instances in these states, or none. */
function recordOf(...looks: [at: number, ...states: Instance["state"][]][]): AbsenceRecord {
  return looks.reduce(
    (record, [at, ...states]) => recordSighting(record, { at, instances: states.map(instance) }),
    NOTHING_SEEN,
  );
}

const everyMinute = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n): [number] => [(from + n) * MINUTE]);

describe("when an instance counts as gone", () => {
  it("is after two separate sightings as terminated, not after one", () => {
    expect(judgeAbsence(recordOf([0, "terminated"]), 0)).toMatchObject({ gone: false });
    expect(judgeAbsence(recordOf([0, "terminated"], [100, "terminated"]), 100)).toMatchObject({
      gone: false,
    });
    expect(judgeAbsence(recordOf([0, "terminated"], [600, "terminated"]), 600)).toEqual({
      gone: true,
      how: "terminated",
    });
    expect(judgeAbsence(recordOf([0, "terminated"], [1_000]), 1_000)).toEqual({
      gone: true,
      how: "terminated",
    });
  });

  it("is not while any of several is alive, and an older answer begins the count again", () => {
    expect(
      judgeAbsence(recordOf([0, "terminated", "running"], [600, "terminated", "pending"]), 600).gone,
    ).toBe(false);
    const wavering = recordOf([0, "terminated"], [1_000, "shutting-down"], [2_000, "terminated"]);
    expect(judgeAbsence(wavering, 2_000).gone).toBe(false);
  });

  it("is after ten unbroken minutes without a sign of it", () => {
    expect(judgeAbsence(NOTHING_SEEN, 0).gone).toBe(false);
    expect(judgeAbsence(recordOf(...everyMinute(0, 9)), 9.9 * MINUTE).gone).toBe(false);
    expect(judgeAbsence(recordOf(...everyMinute(0, 10)), 10 * MINUTE)).toEqual({ gone: true, how: "absent" });
    const broken = recordOf(...everyMinute(0, 5), [6 * MINUTE, "pending"], ...everyMinute(7, 12));
    expect(judgeAbsence(broken, 12 * MINUTE).gone).toBe(false);
  });

  it("is not because a clock jumped ahead", () => {
    expect(judgeAbsence(recordOf([0]), 24 * 60 * MINUTE).gone).toBe(false);
    expect(judgeAbsence(recordOf([0], [24 * 60 * MINUTE]), 24 * 60 * MINUTE).gone).toBe(false);
  });

  it("survives JSON", () => {
    const record = recordOf(...everyMinute(0, 10));
    expect(judgeAbsence(JSON.parse(JSON.stringify(record)), 10 * MINUTE).gone).toBe(true);
  });
});
