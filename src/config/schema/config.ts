import { z } from "zod";
import { access, github, slack } from "./access.ts";
import { environment } from "./environments.ts";
import { queue } from "./queue.ts";
import { name, url } from "./scalars.ts";
import { slot } from "./slot.ts";
import { serviceUpdate } from "./steps.ts";
import { tests } from "./tests.ts";

const network = z
  .strictObject({
    ownAddressUrl: url()
      .prefault("https://checkip.amazonaws.com")
      .describe("Answers with the bot's own public address, for `ingress.from: self`."),
    publicUrl: url()
      .optional()
      .describe("Where people reach the bot's board; messages and refusals then link to it."),
  })
  .prefault({});

/** The whole configuration, after variables are filled and `slots.defaults` is merged into each slot. */
export const configSchema = z.strictObject({
  installation: name("a name").describe(
    "In every tag and token, so that two installations never touch each other's things.",
  ),
  slack: slack.optional().describe("The Slack workspace."),
  github: github.describe("GitHub."),
  access: access.describe("Who may do what."),
  network: network.describe("How the bot sees the network."),
  slots: z
    .record(name("a slot's name"), slot)
    .prefault({})
    .describe("Staging slots; `defaults` is merged into each."),
  queue: queue.describe("What happens when somebody's turn in a slot's queue comes."),
  serviceUpdate: serviceUpdate.describe("What is done on an instance before it is put behind the slot."),
  tests: tests.optional().describe("The end-to-end suite; without it a launch runs no tests."),
  environments: z.record(name("an environment's name"), environment).prefault({}).describe("Deploy targets."),
});

export type Config = z.output<typeof configSchema>;
