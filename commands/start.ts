import type { RunView } from "../src/engine/types.ts";
import { defineCommand, required } from "./lib/command.ts";
import { isOneself, refuseStart, requireRequester } from "./lib/offers.ts";
import { findRun } from "./lib/runs.ts";
import { findSlotInUse, holderText, leaseOf, runLink } from "./lib/slots.ts";
import { bold, code, t, who } from "./lib/text.ts";
import { slotOrRun } from "./lib/values.ts";
import { announce, answer, type CommandContext, type Refusal, refuse } from "./services.ts";

export const start = defineCommand({
  name: "start",
  summary: "Begins your run when its turn has come and the slot is offered to it.",
  role: "developer",
  acts: true,
  repeatable: true,
  positionals: { slot: required(slotOrRun) },
  options: {},
  run: async (context, args) => {
    const { services, person } = context;
    const run =
      typeof args.slot === "number" ? await findRun(context, args.slot) : await runOn(context, args.slot);
    if ("refused" in run) return run;
    const refusal = requireRequester(context, run, "start");
    if (refusal) return refusal;
    const link = runLink(services, run.id);
    if (run.startedAt !== null) return answer(t`${link} has begun already (${run.state}).`, run);
    const started = await services.engine.accept(run.id, person);
    if (started.refused)
      return refuseStart(
        context,
        (await services.engine.run(run.id)) ?? run,
        await services.engine.offer(run.id),
      );
    if (started.repeated) return answer(t`${link} has begun already (${started.run.state}).`, started.run);
    const what = t`${link}: ${bold(run.kind)} of ${bold(started.run.target ?? "")} has started`;
    if (isOneself(context, run.requestedBy)) return answer(t`${what}.`, started.run);
    return announce(t`${what}, by ${who(person)} for ${who(run.requestedBy)}.`, { run: started.run });
  },
});

/** The run that the slot is offered to; when it has begun already (the command came twice), that one. */
async function runOn(context: CommandContext, written: string): Promise<RunView | Refusal> {
  const { services, prefix } = context;
  const slot = await findSlotInUse(context, written);
  if ("refused" in slot) return slot;
  const lease = await leaseOf(services, slot.name);
  const isAtWork = lease.mode === "run" && lease.holder !== null && isOneself(context, lease.holder);
  if (lease.runId !== null && (lease.mode === "offered" || isAtWork))
    return await findRun(context, lease.runId);
  const state = lease.mode === "free" ? t`free` : t`held by ${holderText(services, lease)}`;
  return refuse(
    "not_offered",
    t`${bold(slot.name)} is offered to nobody: it is ${state}.`,
    lease.mode === "free"
      ? t`${code(`${prefix} launch ${slot.name}`)} begins at once.`
      : t`${code(`${prefix} queue ${slot.name}`)} shows who waits.`,
  );
}
