import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { currentEnvironment } from "../bot/settings.ts";
import { iamPolicy, type PolicyInput, parseS3Address } from "../cloud/index.ts";
import { type Config, fillFields, formatProblems, loadConfig } from "../config/index.ts";
import { messageOf } from "../util/errors.ts";
import type { CommandContext } from "./context.ts";

/** `slipway iam-policy [FILE]`: the least IAM policy for this configuration, as JSON. Asks nobody anything. */
export async function printIamPolicy(args: readonly string[], context: CommandContext): Promise<number> {
  const { cwd, stdout, stderr } = context;
  const env = currentEnvironment(context.env, cwd);
  const [named, ...more] = args;
  if (more.length > 0 || named?.startsWith("-")) {
    stderr.write("Usage: slipway iam-policy [FILE]\n");
    return 2;
  }
  const file = resolve(cwd, named ?? env.SLIPWAY_CONFIG ?? "slipway.yml");
  try {
    const text = readFileSync(file, "utf8");
    const result = loadConfig(text, env, { file });
    if (!result.ok) {
      stderr.write(`${formatProblems(result.problems, file, text)}\n`);
      return 2;
    }
    stdout.write(`${JSON.stringify(iamPolicy(policyInput(result.loaded.config)), null, 2)}\n`);
    return 0;
  } catch (error) {
    stderr.write(`${file} cannot be read: ${messageOf(error)}\n`);
    return 2;
  }
}

/** What of the configuration the policy depends on. */
export function policyInput(config: Config): PolicyInput {
  const slots = Object.entries(config.slots);
  const results = config.tests?.results;
  return {
    installation: config.installation,
    slots: slots.map(([, slot]) => ({
      region: slot.region,
      instanceTypes: slot.instanceType,
      subnets: slot.subnets,
      securityGroups: [slot.securityGroup],
      keyName: slot.keyName,
      targetGroups: slot.targetGroups ?? (slot.targetGroup === undefined ? [] : [slot.targetGroup]),
      listenerRule: slot.listenerRule,
    })),
    ...(results !== undefined && {
      results: slots.map(([name, slot]) => {
        const { bucket, key } = parseS3Address(fillFields(results, { slot: name, region: slot.region }));
        return { bucket, prefix: key };
      }),
    }),
  };
}
