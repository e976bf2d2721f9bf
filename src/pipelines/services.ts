import type { Logger } from "pino";
import type { Cloud, CloudRegion } from "../cloud/index.ts";
import type { Config, SlotConfig } from "../config/index.ts";
import type { Run } from "../engine/run.ts";
import type { TestRunners } from "../testing/index.ts";
import { SlipwayError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";

/** What the pipelines use of the world; made once in the composition root. */
export interface PipelineServices {
  readonly cloud: Cloud;
  /** The configuration with which a run began, filled again from today's environment. */
  configOf(hash: string): Promise<Config>;
  /** What holds for runs that have not begun. */
  currentConfig(): Config;
  /** From which host keys are derived. */
  readonly masterSecret: string;
  readonly testRunners: TestRunners;
  /** Where local jobs (Playwright, local programs) have their folders, beside the database. */
  readonly jobsFolder: string;
  /** Where test reports and screenshots are kept. */
  readonly artifactsFolder: string;
  /** Where relative paths of the configuration begin. */
  readonly baseFolder: string;
  readonly commits: PinnedCommits;
  readonly log: Logger;
}

/** Where the commits of runs are read again before anything is created for them. */
export interface PinnedCommits {
  /** Whether a run with this input has a commit that was looked up when its command was read. Depends on nothing else. */
  wasLookedUp(input: JsonObject): boolean;
  /** What there is against using that commit now; null: it is as it was shown. */
  readAgain(input: JsonObject, slot: string): Promise<CommitObjection | null>;
}

export interface CommitObjection {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | undefined;
  /** Nothing is known of the commit, and may be if it is asked again. */
  readonly passing: boolean;
  /** Not to be asked again before, ms since 1970; null: nobody said. */
  readonly retryAt: number | null;
}

/** A run's slot with everything that its pipeline needs to know about it. */
export interface SlotContext {
  readonly services: PipelineServices;
  readonly config: Config;
  readonly name: string;
  readonly slot: SlotConfig;
  readonly region: CloudRegion;
}

/** @throws SlipwayError `slot_not_configured` when the run's configuration does not know its slot. */
export async function slotContext(run: Run, services: PipelineServices): Promise<SlotContext> {
  const config = await services.configOf(run.configHash);
  const slot = config.slots[run.resource];
  if (!slot) {
    throw new SlipwayError("slot_not_configured", `The configuration has no slot called ${run.resource}.`, {
      remedy: "Add it to `slots`, or free it with /stg clean if it was taken out on purpose.",
    });
  }
  return { services, config, name: run.resource, slot, region: services.cloud.region(slot.region) };
}
