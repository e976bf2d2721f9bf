import type { Migration } from "kysely/migration";
import * as initial from "./0001_initial.ts";
import * as lookups from "./0002_lookups.ts";
import * as offers from "./0003_offers.ts";
import * as logGaps from "./0004_log_gaps.ts";
import * as goneObligations from "./0005_gone_obligations.ts";

/** Every migration by its name, in order. Names are never changed once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001_initial": initial,
  "0002_lookups": lookups,
  "0003_offers": offers,
  "0004_log_gaps": logGaps,
  "0005_gone_obligations": goneObligations,
};
