import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { checkGitHub } from "../../handlers/github/check.ts";
import { checkSlack } from "../../handlers/slack/check.ts";
import { buildLaunchRequest, buildUserData, createCloud, probeSlot } from "../cloud/index.ts";
import type { Config, SlotConfig } from "../config/index.ts";
import { checkPrivateKey, localExec } from "../remote/index.ts";
import { hostEnvironment, localRunner, testRunners } from "../testing/index.ts";
import { systemClock } from "../util/clock.ts";
import { messageOf, SlipwayError } from "../util/errors.ts";
import type { CommandContext } from "./context.ts";
import { loadForCommand } from "./load.ts";

interface Finding {
  /** `?`: there is no way to find out without changing something. */
  readonly mark: "✓" | "✗" | "?";
  readonly what: string;
  readonly remedy?: string | undefined;
}

/**
 * `slipway doctor`: tries everything that the bot will need, as far as that is possible without changing anything.
 * Exit code 1 when something would fail.
 */
export async function doctor(args: readonly string[], context: CommandContext): Promise<number> {
  if (args.length > 0) {
    context.stderr.write("Usage: slipway doctor\n");
    return 2;
  }
  const input = loadForCommand(context);
  if (!input) return 2;
  const { config } = input.loaded;
  const cloud = createCloud({ ownAddressUrl: config.network.ownAddressUrl });
  const findings: Finding[] = [{ mark: "✓", what: "settings and configuration" }];
  const tell = (finding: Finding) => {
    findings.push(finding);
    context.stdout.write(
      `${finding.mark} ${finding.what}${finding.remedy ? `\n    → ${finding.remedy}` : ""}\n`,
    );
  };
  try {
    if (input.settings.slack)
      tell(await attempt("Slack", () => checkSlack(input.settings.slack, config.slack?.channel ?? null)));
    if (input.settings.github) {
      const { repositories } = config.github;
      tell(await attempt("GitHub", () => checkGitHub(input.settings.github, repositories)));
    }
    tell(await attempt("own address", () => cloud.ownAddress.cidr()));
    tell(await attempt("tests", () => tests(config, resolve(input.configFile, ".."), context)));
    for (const [name, slot] of Object.entries(config.slots)) {
      tell(await attempt(`${name}: SSH key`, async () => void (await checkPrivateKey(slot.ssh.privateKey))));
      for (const finding of await aws(cloud, config, name, slot)) tell(finding);
    }
  } finally {
    cloud.close();
  }
  const wrong = findings.filter(({ mark }) => mark === "✗").length;
  context.stdout.write(wrong === 0 ? "\nNothing stands in the way.\n" : `\n${wrong} would fail.\n`);
  return wrong === 0 ? 0 : 1;
}

async function attempt(what: string, work: () => Promise<string | void>): Promise<Finding> {
  try {
    const found = await work();
    return { mark: "✓", what: found ? `${what}: ${found}` : what };
  } catch (error) {
    return {
      mark: "✗",
      what: `${what}: ${messageOf(error)}`,
      remedy: error instanceof SlipwayError ? error.remedy : undefined,
    };
  }
}

async function tests(config: Config, base: string, { env }: CommandContext): Promise<string> {
  if (!config.tests) return "none configured";
  const folder = mkdtempSync(join(tmpdir(), "slipway-doctor-"));
  try {
    return await countTests(config.tests, base, folder, env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function countTests(
  configured: NonNullable<Config["tests"]>,
  base: string,
  folder: string,
  env: CommandContext["env"],
): Promise<string> {
  const { runner, directory, browsers, parallel, workers, retries, timeout, users } = configured;
  const transport = localExec(folder);
  const local = localRunner({ transport, environment: hostEnvironment(env), clock: systemClock });
  const settings = {
    runner,
    directory: resolve(base, directory),
    browsers,
    parallel,
    workers,
    retries,
    timeoutMs: timeout,
    env: {},
    users,
  };
  const prepared = await testRunners(local)
    .get(runner)
    ?.prepare({
      runUuid: randomUUID(),
      path: "doctor",
      attempt: 1,
      settings,
      folder: join(folder, "listing"),
    });
  if (!prepared?.ok)
    throw new SlipwayError(prepared?.reasonCode ?? "tests_runner_unsupported", prepared?.message ?? runner);
  return Object.entries(prepared.tests)
    .map(([browser, count]) => `${count} in ${browser}`)
    .join(", ");
}

const MARKS = { allowed: "✓", denied: "✗", wrong: "✗", untried: "?" } as const;

async function aws(
  cloud: ReturnType<typeof createCloud>,
  config: Config,
  name: string,
  slot: SlotConfig,
): Promise<Finding[]> {
  const probes = await probeSlot(cloud, {
    region: slot.region,
    installation: config.installation,
    image: slot.ami,
    launch: (image) => {
      const userData = buildUserData({
        deadMan: { powerOffAt: Date.now() + slot.maxTtl, madeAt: Date.now() },
      });
      const owner = { installation: config.installation, run: "doctor", slot: name, generation: 0 };
      const request = buildLaunchRequest({
        owner,
        image,
        instanceType: slot.instanceType[0] ?? "",
        subnetId: slot.subnets[0] ?? "",
        securityGroupIds: [slot.securityGroup],
        keyName: slot.keyName,
        tags: slot.tags,
        userData,
      });
      return { request, userData };
    },
    securityGroup: slot.securityGroup,
    port: slot.ingress.port,
    targetGroups: slot.targetGroups ?? (slot.targetGroup === undefined ? [] : [slot.targetGroup]),
    listenerRule: slot.listenerRule,
  });
  return probes.map(({ action, on, outcome, message, remedy }) => ({
    mark: MARKS[outcome],
    what: `${name}: ${action} on ${on}${outcome === "allowed" ? "" : `: ${message}`}`,
    remedy,
  }));
}
