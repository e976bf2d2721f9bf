import { defineCommand, required } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { nameOf } from "./lib/values.ts";

export const update = defineCommand({
  name: "update",
  aliases: ["service-update"],
  summary: "Updates the services on the instance that stands on a slot.",
  role: "developer",
  acts: true,
  repeatable: true,
  positionals: { slot: required(nameOf("slot")) },
  options: {},
  run: (context, { slot }) => startOnSlot(context, slot, "update", async () => ({})),
});
