import { defineCommand, optional, required } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { instanceId, nameOf } from "./lib/values.ts";

export const swap = defineCommand({
  name: "swap",
  summary: "Puts the slot's instance, or the one that is named, behind the slot's load balancer.",
  role: "developer",
  acts: true,
  repeatable: true,
  positionals: { slot: required(nameOf("slot")), instance: optional(instanceId) },
  options: {},
  run: (context, { slot, instance }) =>
    startOnSlot(context, slot, "swap", async () => ({ instanceId: instance ?? null })),
});
