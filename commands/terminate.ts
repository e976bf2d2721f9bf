import { defineCommand, required } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { nameOf } from "./lib/values.ts";

export const terminate = defineCommand({
  name: "terminate",
  summary: "Terminates what stands on a slot, which is free then, or locked as it was before.",
  role: "developer",
  acts: true,
  repeatable: true,
  positionals: { slot: required(nameOf("slot")) },
  options: {},
  run: (context, { slot }) => startOnSlot(context, slot, "terminate", async () => ({})),
});
