import type { CloudRegion, Owner } from "../../cloud/index.ts";
import { type Cloud, ownerTags, TAG } from "../../cloud/index.ts";
import type { ObligationKind } from "../../engine/obligation.ts";
import type { JsonObject } from "../../util/json.ts";
import { watched } from "../watched.ts";
import { OWED } from "./kinds.ts";

type Ec2 = CloudRegion["cleanup"]["ec2"];

export type IngressFacts = JsonObject & {
  readonly region: string;
  readonly owner: Owner & JsonObject;
  readonly groupId: string;
  readonly port: number;
  readonly cidr: string;
  readonly ruleId: string | null;
  /** Somebody else made the rule: it is used and left alone. */
  readonly foreign: boolean;
};

/** Under this key all runs that use one rule are counted. */
export function ingressShareKey({
  region,
  groupId,
  port,
  cidr,
}: Pick<IngressFacts, "region" | "groupId" | "port" | "cidr">): string {
  return `ingress:${region}:${groupId}:${port}:${cidr}`;
}

export function ingressRequest(facts: IngressFacts) {
  const { groupId, port, cidr, owner } = facts;
  return {
    groupId,
    port,
    cidr,
    tags: ownerTags(owner),
    description: `Slipway ${owner.installation}: bot to ${owner.slot}`,
  };
}

/** The last run that needs a rule revokes it, by its id; a rule that somebody else made stays. */
export function ingressKind(cloud: Cloud): ObligationKind<IngressFacts> {
  return {
    kind: OWED.ingress,
    version: 1,
    title: "Close ingress rule",
    after: [{ kind: OWED.remoteJob }],
    discharge: async (context) => {
      const { facts, signal } = context;
      if (facts.foreign) return;
      if (await context.isShared()) {
        context.log("Another run still uses the rule; the last one closes it.");
        return;
      }
      const { ec2 } = cloud.region(facts.region).cleanup;
      let ruleId = facts.ruleId;
      if (ruleId === null) {
        // The opening call has no known outcome: opened again, AWS says which rule it is.
        const opened = await ec2.openIngress(ingressRequest(facts), watched(context));
        if (opened.kind === "exists" && !opened.ours) return;
        ruleId = opened.ruleId;
        await context.learn({ ruleId }, "created");
      }
      const { kind } = await ec2.closeIngress({ groupId: facts.groupId, ruleId }, watched(context));
      if (kind === "already_gone") await closeSuccessor(ec2, facts, signal);
    },
  };
}

/** Somebody removed the rule, and another run that shared it has opened the port again: under another id. */
async function closeSuccessor(ec2: Ec2, facts: IngressFacts, signal: AbortSignal): Promise<void> {
  const { groupId, port, cidr, owner } = facts;
  const rule = await ec2.findRule({ groupId, port, cidr }, { signal });
  if (rule?.tags[TAG.installation] !== owner.installation) return;
  await ec2.closeIngress({ groupId, ruleId: rule.ruleId }, { signal });
}
