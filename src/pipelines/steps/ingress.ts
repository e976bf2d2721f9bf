import type { CallOptions, Owner } from "../../cloud/index.ts";
import type { Run } from "../../engine/run.ts";
import type { JsonObject } from "../../util/json.ts";
import { type IngressFacts, ingressRequest, ingressShareKey } from "../owed/ingress.ts";
import { OWED } from "../owed/kinds.ts";
import type { SlotContext } from "../services.ts";
import { watched } from "../watched.ts";

/** Opens the SSH port for the bot, as a step of the run. */
export async function openIngress(run: Run, context: SlotContext): Promise<void> {
  await run.step(`Open port ${context.slot.ingress.port}`, (step) =>
    ensureIngress(run, context, watched(step), step.log),
  );
}

/**
 * Sees to it that the bot may connect from where it is now. Harmless to repeat; when the bot's own address has
 * changed, another rule is owed and opened. Runs that share a security group share the rule: it is counted by
 * group, port and network, and everything that touches it happens one after the other.
 *
 * With `look` a rule that was opened before is looked for, and opened again when somebody else has removed it.
 */
export async function ensureIngress(
  run: Run,
  context: SlotContext,
  asking: CallOptions,
  log: (line: string) => void,
  { look = false }: { readonly look?: boolean } = {},
): Promise<{ ruleId: string; cidr: string }> {
  const { slot, region, services } = context;
  const cidr = slot.ingress.from === "self" ? await services.cloud.ownAddress.cidr() : slot.ingress.from;
  const facts = ingressFacts(run, context, cidr);
  const shareKey = ingressShareKey(facts);
  return await run.exclusive(shareKey, async () => {
    const owed = await run.owe<IngressFacts>(OWED.ingress, { key: `${facts.port}:${cidr}`, facts, shareKey });
    const { ruleId } = owed.facts;
    if (owed.state === "created" && ruleId !== null) {
      if (!look || (await region.ec2.findRule(facts, asking))) return { ruleId, cidr };
      log(`The rule ${ruleId} is gone, though no run of ours closed it: the port is opened again.`);
    }
    const opened = await region.ec2.openIngress(ingressRequest(owed.facts), asking);
    const foreign = opened.kind === "exists" && !opened.ours;
    await owed.created({ ruleId: opened.ruleId, foreign });
    if (foreign) log(`The rule ${opened.ruleId} was made by somebody else: it is used and left alone.`);
    return { ruleId: opened.ruleId, cidr };
  });
}

function ingressFacts(run: Run, { slot, config, name }: SlotContext, cidr: string): IngressFacts {
  const owner: Owner = { installation: config.installation, run: run.uuid, slot: name, generation: 1 };
  return {
    region: slot.region,
    owner: owner as Owner & JsonObject,
    groupId: slot.securityGroup,
    port: slot.ingress.port,
    cidr,
    ruleId: null,
    foreign: false,
  };
}
