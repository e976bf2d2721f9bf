/** When a registration's own steps happened (milliseconds since the epoch). */
export interface TargetTimeline {
  readonly targetGroup: string;
  readonly id: string;
  readonly registered: number;
  firstHealthy?: number;
  deregistered?: number;
  drained?: number;
}

const MOST_TIMELINES = 10_000;
const STEPS = ["registered", "firstHealthy", "deregistered", "drained"] as const;

/** Remembers the steps of registrations beyond their end. */
export class TargetTimes {
  #all: TargetTimeline[] = [];

  begin(targetGroup: string, id: string, registered: number): TargetTimeline {
    const timeline: TargetTimeline = { targetGroup, id, registered };
    this.#all.push(timeline);
    if (this.#all.length > MOST_TIMELINES) this.#all = this.#all.slice(-MOST_TIMELINES / 2);
    return timeline;
  }

  /** Those registered since a time, with ISO 8601 times; null: not yet. */
  since(start: number): object[] {
    return this.#all
      .filter(({ registered }) => registered >= start)
      .map((timeline) => ({
        targetGroup: timeline.targetGroup,
        id: timeline.id,
        ...Object.fromEntries(STEPS.map((step) => [step, iso(timeline[step])])),
      }));
  }
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
