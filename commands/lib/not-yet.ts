import { type Refusal, refuse } from "../services.ts";
import { bold, code, t } from "./text.ts";

/** Words that Slipway will know; this version says so instead of guessing at another command. */
export const notYet: Readonly<Record<string, string>> = {
  bake: "Makes a new image from a healthy slot.",
  deploy: "Deploys an environment.",
  approve: "Approves a deployment that waits.",
  reject: "Rejects a deployment that waits.",
  rollback: "Brings an environment back to an earlier deployment.",
  promote: "Deploys to one environment what runs in another.",
  freeze: "Nothing deploys there for a while.",
  unfreeze: "Ends a freeze.",
};

export function refuseNotYet(word: string, prefix: string): Refusal {
  return refuse(
    "not_available",
    t`${bold(word)} is not part of this version of Slipway yet.`,
    t`${code(`${prefix} help`)} lists what it does.`,
  );
}
