import { z } from "zod";
import { duration, expected } from "./scalars.ts";

const never = z.literal("never").transform(() => null);

/** How turns come up in a slot's queue. */
export const queue = z
  .strictObject({
    offerAfter: z
      .union([duration(), never], expected("a duration such as 30m, or never"))
      .prefault("30m")
      .describe(
        "Who has waited so long may have gone away: the slot is offered to them instead of begun for them. `never`: every turn begins by itself.",
      ),
    offerFor: duration()
      .prefault("5m")
      .describe("How long they have for an answer; without one the run leaves the queue."),
  })
  .prefault({});

export type QueueConfig = z.output<typeof queue>;
