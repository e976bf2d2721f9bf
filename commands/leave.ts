import type { RunView } from "../src/engine/types.ts";
import { defineCommand, required } from "./lib/command.ts";
import { isOneself, requireRequester } from "./lib/offers.ts";
import { findRun, stopText } from "./lib/runs.ts";
import { findSlotInUse, fromEngine, runLink } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, code, t, who } from "./lib/text.ts";
import { slotOrRun } from "./lib/values.ts";
import { announce, type CommandContext, type Outcome, refuse } from "./services.ts";

export const leave = defineCommand({
  name: "leave",
  summary: "Gives up your place in a slot's queue, or the turn that you are offered.",
  role: "developer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(slotOrRun) },
  options: {},
  run: async (context, args) => {
    const { services, person, prefix } = context;
    if (typeof args.slot === "number") return await leaveAsRun(context, args.slot);
    const slot = await findSlotInUse(context, args.slot);
    if ("refused" in slot) return slot;
    const left = await services.engine.leave(slot.name, person);
    if (!left.refused) {
      const what = t`for ${bold(slot.name)} (${runLink(services, left.runId)}).`;
      return announce(t`${who(person)} no longer waits ${what}`, { own: t`You no longer wait ${what}` });
    }
    if (left.reasonCode !== "not_queued") return fromEngine(context, left);
    return refuse(
      "not_queued",
      t`You do not wait for ${bold(slot.name)}.`,
      t`${code(`${prefix} queue`)} shows who waits.`,
    );
  },
});

/** Its requester, or a maintainer in their place, takes one run out of the queue. */
async function leaveAsRun(context: CommandContext, runId: number): Promise<Outcome> {
  const { services, person, prefix } = context;
  const run = await findRun(context, runId);
  if ("refused" in run) return run;
  const refusal = requireRequester(context, run, "leave");
  if (refusal) return refusal;
  const link = runLink(services, run.id);
  const left = await services.engine.withdraw(run.id, person);
  if (left.refused) {
    const now = (await services.engine.run(run.id)) ?? run;
    return now.endedAt === null
      ? refuse("not_queued", t`${link} has begun and waits for nothing.`, stopText(prefix, now))
      : refuse(
          "not_queued",
          now.startedAt === null
            ? t`${link} has left the queue already: ${sentence(now.reason ?? now.state)}`
            : t`${link} does not wait: it has ended (${now.state}).`,
          t`${code(`${prefix} queue`)} shows who waits.`,
        );
  }
  const where = bold(run.target ?? run.candidates.join(" or "));
  const what = t`taken ${link} out of the queue for ${where}.`;
  return announce(t`${who(person)} has ${what}`, {
    own: t`You have ${what}`,
    tell:
      (await wasOffered(context, run)) || isOneself(context, run.requestedBy)
        ? []
        : tellHolder(
            run.requestedBy,
            t`${who(person)} has ${what} ${code(`${prefix} retry ${run.id}`)} asks again.`,
          ),
  });
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Of a turn that was offered its person is told in any case, however it came to its end. */
async function wasOffered({ services }: CommandContext, run: RunView): Promise<boolean> {
  return (await services.engine.offer(run.id)) !== null;
}
