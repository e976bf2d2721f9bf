import { z } from "zod";
import {
  duration,
  environmentVariables,
  expected,
  flag,
  shellText,
  TEXT_KIND,
  text,
  urlTemplate,
  wholeNumber,
} from "./scalars.ts";

/** The keys of which a step has exactly one. */
export const STEP_KINDS = ["run", "waitFor", "local", "ansible", "parallel"] as const;
export type StepKind = (typeof STEP_KINDS)[number];

const onFailure = z
  .strictObject({
    run: shellText("a shell command that mends it").describe("Shell command, run on the same machine."),
  })
  .optional()
  .describe("Run when the step has failed, before it is tried one last time.");

const common = {
  name: text("the step's name")
    .max(100, expected("a name of at most 100 characters"))
    .describe("What the step is called in messages and in the journal; unique in its list."),
  retries: wholeNumber(0, 100).prefault(0).describe("How often a failed step is tried again."),
  background: flag()
    .prefault(false)
    .describe("The next step does not wait for this one; it is joined before the swap."),
  directory: text("a directory")
    .optional()
    .describe("Where the command runs; the home directory if left out."),
  env: environmentVariables().describe("Variables for this step, over those of `serviceUpdate.env`."),
  onFailure,
  continueOnError: flag().prefault(false).describe("A failure is reported and the next step runs."),
};

const timeout = duration().prefault("15m").describe("How long one try may take.");

const runStep = z
  .strictObject({
    ...common,
    timeout,
    run: shellText().describe("Shell text, run on the instance as a job of its own that survives a restart."),
  })
  .transform((step) => ({ kind: "run" as const, ...step }));

const waitForStep = z
  .strictObject({
    ...common,
    waitFor: urlTemplate().describe("Asked from the instance until it answers 2xx or 3xx."),
    every: duration().prefault("5s").describe("The pause between two questions."),
    attempts: wholeNumber(1, 10_000).prefault(60).describe("How many questions before the step has failed."),
    timeout: duration()
      .optional()
      .describe("At most this long in all, where that is less than `every` × `attempts`."),
  })
  .transform((step) => {
    const most = step.timeout === undefined ? step.attempts : Math.ceil(step.timeout / step.every);
    const attempts = Math.min(step.attempts, most);
    return { kind: "waitFor" as const, ...step, attempts, timeout: step.every * attempts };
  });

const argument = z
  .union([z.string(), z.number(), z.boolean()], expected("a word of the command"))
  .meta({ [TEXT_KIND]: "template" })
  .transform(String);

const localStep = z
  .strictObject({
    ...common,
    timeout,
    local: z
      .array(argument, expected('a list of words such as [program, --host, "{host}"]: no shell reads it'))
      .min(1, expected("at least the program's name"))
      .describe("A program on the bot's machine and its arguments; no shell reads them."),
  })
  .transform((step) => ({ kind: "local" as const, ...step }));

const ansible = z.strictObject({
  playbook: text("a playbook's path").describe("The playbook, relative to `directory`."),
  extraVars: z
    .record(
      z.string(),
      z
        .union([z.string(), z.number(), z.boolean()], expected("text, a number or true or false"))
        .meta({ [TEXT_KIND]: "template" }),
    )
    .prefault({})
    .describe("Variables of the playbook."),
  inventory: text("an inventory's path")
    .optional()
    .describe("An inventory of your own; made for the one host if left out."),
});

const ansibleStep = z
  .strictObject({
    ...common,
    timeout,
    ansible: ansible.describe("A playbook, run from the bot's machine against the instance."),
  })
  .transform((step) => ({ kind: "ansible" as const, ...step }));

/** One thing to do; what stands in a list or inside `parallel`. */
export const step = z.union([runStep, waitForStep, localStep, ansibleStep]);

const parallelSteps = z
  .strictObject({
    name: text("a name").optional().describe("What the group is called; its steps' names if left out."),
    parallel: z
      .array(step, expected("a list of steps"))
      .min(1, expected("at least one step"))
      .describe("Steps that run together; all must end before the next one."),
  })
  .transform((group) => ({ kind: "parallel" as const, ...group }));

export const stepOrGroup = z.union([runStep, waitForStep, localStep, ansibleStep, parallelSteps]);

export const serviceUpdate = z
  .strictObject({
    env: environmentVariables().describe("Variables for every step."),
    steps: z.array(stepOrGroup, expected("a list of steps")).prefault([]).describe("What is done, in order."),
  })
  .prefault({});

export type RunStep = z.output<typeof runStep>;
export type WaitForStep = z.output<typeof waitForStep>;
export type LocalStep = z.output<typeof localStep>;
export type AnsibleStep = z.output<typeof ansibleStep>;
/** A single step, told apart by `kind`. */
export type ServiceStep = z.output<typeof step>;
export type ParallelSteps = z.output<typeof parallelSteps>;
/** A step or a group of steps that run together. */
export type ServiceStepOrGroup = z.output<typeof stepOrGroup>;
export type ServiceUpdateConfig = z.output<typeof serviceUpdate>;
