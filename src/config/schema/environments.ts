import { z } from "zod";
import { ROLES } from "./access.ts";
import {
  duration,
  environmentVariables,
  expected,
  flag,
  HOST_KEY_PATTERN,
  host,
  name,
  port,
  privateKey,
  region,
  repository,
  shellText,
  TEXT_KIND,
  template,
  text,
  wholeNumber,
  workflowFile,
} from "./scalars.ts";
import { stepOrGroup } from "./steps.ts";
import { BROWSERS } from "./tests.ts";
import { httpVerification, verification } from "./verify.ts";
import { windows } from "./windows.ts";

export const ENVIRONMENT_KINDS = ["ecs", "ssh", "workflow"] as const;
export type EnvironmentKind = (typeof ENVIRONMENT_KINDS)[number];
export const TRIGGERS = ["manual", "merge"] as const;
export const PULL_REQUESTS = ["refuse", "allow"] as const;
export const ROLLBACKS = ["automatic", "ask", "never"] as const;
export const ARCHITECTURES = ["X86_64", "ARM64"] as const;
export const TEST_CHOICES = ["all", "none"] as const;

const approvals = z.strictObject({
  required: wholeNumber(1, 10).prefault(1).describe("How many people must approve."),
  role: z.enum(ROLES).prefault("release").describe("The role that may approve."),
  fourEyes: flag().prefault(true).describe("The approver has no part in the change."),
  expireAfter: duration().prefault("8h").describe("When a waiting run is given up."),
});

const requires = z.strictObject({
  slot: z
    .union([z.literal("any"), name("a slot's name")])
    .prefault("any")
    .describe("`any` or a slot."),
  tests: z
    .union([z.enum(TEST_CHOICES), z.array(z.enum(BROWSERS)).min(1)], {
      error: "expected all, none or a list of browsers",
    })
    .prefault("all")
    .describe("The tests that must pass there: `all`, `none` or a list of browsers."),
});

const common = {
  repository: repository().describe("The repository that is deployed."),
  branch: text("a branch").describe("The branch that is deployed."),
  pullRequests: z
    .enum(PULL_REQUESTS)
    .prefault("refuse")
    .describe("Whether the head of a pull request may be deployed here."),
  trigger: z
    .enum(TRIGGERS)
    .prefault("manual")
    .describe("`merge`: a push to the branch deploys. `manual`: only a command does."),
  requires: requires.optional().describe("The commit first passes a launch on a staging slot."),
  build: z
    .strictObject({ workflow: workflowFile().describe("The workflow whose run on the commit is awaited.") })
    .optional()
    .describe("What must be built before."),
  approvals: approvals.optional().describe("Who must agree."),
  windows: windows.optional().describe("When a deployment may begin."),
  verify: z.array(verification, expected("a list of checks")).prefault([]).describe("What proves success."),
  rollback: z
    .enum(ROLLBACKS)
    .prefault("automatic")
    .describe("What happens when the proof fails: `automatic`, `ask` or `never`."),
};

const service = {
  service: text("an ECS service").describe("The ECS service."),
  container: text("a container's name").describe("The container that gets the image."),
};

const cluster = z.strictObject({
  region: region().describe("The AWS region."),
  cluster: text("an ECS cluster").describe("The ECS cluster."),
});

const command = z
  .array(
    z
      .union([z.string(), z.number()], expected("a word"))
      .meta({ [TEXT_KIND]: "template" })
      .transform(String),
  )
  .min(1, expected("at least one word"));

const before = z.strictObject({
  name: text("the task's name").describe("What it is called."),
  task: z
    .strictObject({ ...service, command: command.describe("The command, as a list of words.") })
    .describe("A one-off task with the new image."),
  timeout: duration().prefault("15m").describe("How long it may take."),
});

const ecs = z.strictObject({
  ...common,
  kind: z.literal("ecs").describe("ECS services."),
  image: template("an image").describe("The image; `{region}`, `{run_number}` and the like are filled."),
  alsoTag: z.array(template("a tag")).prefault([]).describe("Tags that are moved once the deploy is proven."),
  architecture: z.enum(ARCHITECTURES).optional().describe("Checked before anything changes."),
  waves: z
    .array(z.array(cluster, expected("a list of regions")).min(1, expected("at least one region")), {
      error: "expected a list of waves, each a list of { region, cluster }",
    })
    .min(1, expected("at least one wave"))
    .describe("One after the other; the regions of a wave together."),
  before: z.array(before).prefault([]).describe("One-off tasks before the services change."),
  services: z
    .array(z.strictObject(service), expected("a list of services"))
    .min(1, expected("at least one service"))
    .describe("The services that change together."),
  stableWithin: duration().prefault("10m").describe("How long a roll-out may take."),
  bake: duration().optional().describe("How long a wave is watched before the next one."),
});

const maintenance = z.strictObject({
  directory: text("a directory").optional().describe("Where the three commands run."),
  enter: shellText().describe("Puts the maintenance page up."),
  leave: shellText().describe("Takes it down."),
  isOn: shellText().describe("Ends with 0 while it is up."),
  proof: httpVerification.optional().describe("What is seen from outside while it is up."),
});

const backup = z.strictObject({
  run: shellText().describe("Writes the file `$SLIPWAY_BACKUP`."),
  check: shellText().optional().describe("Proves that the file can be read."),
  directory: text("a directory").describe("Where backups lie."),
  keep: wholeNumber(1, 1000).prefault(10).describe("How many are kept."),
  restore: shellText().optional().describe("Brings the file back."),
  timeout: duration().prefault("30m").describe("How long each of the commands may take."),
});

const server = z.strictObject({
  user: text("a user name").describe("The user on the host."),
  port: port().prefault(22).describe("The port of the SSH server."),
  privateKey: privateKey().describe("The key to log in with, taken from the environment; base64 will do."),
  hostKey: z
    .string(expected("the host's public key such as ssh-ed25519 AAAA…"))
    .regex(HOST_KEY_PATTERN, expected("the host's public key such as ssh-ed25519 AAAA…"))
    .describe("The host's public key; another one stops the run."),
});

const ssh = z.strictObject({
  ...common,
  kind: z.literal("ssh").describe("A server over SSH."),
  host: host().describe("The server."),
  ssh: server.describe("How it is reached."),
  env: environmentVariables().describe("Variables for every command."),
  maintenance: maintenance
    .optional()
    .describe("A page that is up while the steps run, and always taken down."),
  backup: backup.optional().describe("Taken and proven before the steps."),
  steps: z
    .array(stepOrGroup, expected("a list of steps"))
    .min(1, expected("at least one step"))
    .describe("What is done, in order; as in `serviceUpdate.steps`."),
});

const workflow = z.strictObject({
  ...common,
  kind: z.literal("workflow").describe("A GitHub Actions workflow does the work."),
  workflow: workflowFile().describe("The workflow."),
  inputs: z
    .record(
      z.string(),
      z
        .union([z.string(), z.number(), z.boolean()], expected("text"))
        .meta({ [TEXT_KIND]: "template" })
        .transform(String),
    )
    .prefault({})
    .describe("Its inputs."),
  timeout: duration().prefault("60m").describe("How long it may take."),
});

export const environment = z.discriminatedUnion("kind", [ecs, ssh, workflow]);

export type EcsEnvironment = z.output<typeof ecs>;
export type SshEnvironment = z.output<typeof ssh>;
export type WorkflowEnvironment = z.output<typeof workflow>;
/** A deploy target, told apart by `kind`. */
export type EnvironmentConfig = z.output<typeof environment>;
export type ApprovalsConfig = z.output<typeof approvals>;
