import type { LeaseView } from "../src/engine/types.ts";
import { defineCommand, optional } from "./lib/command.ts";
import { roughly } from "./lib/estimate.ts";
import { leasesOf } from "./lib/leases.ts";
import { runLine, stepLine } from "./lib/run-text.ts";
import { holderText, slotState, slotsInUse } from "./lib/slots.ts";
import { closest } from "./lib/suggest.ts";
import { bold, code, lines, link, type Text, t } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { answer, type CommandContext, refuse } from "./services.ts";

export const status = defineCommand({
  name: "status",
  summary: "Shows the board, or one slot or environment.",
  role: "viewer",
  acts: false,
  repeatable: true,
  positionals: { target: optional(nameOf("slot")) },
  options: {},
  run: async (context, args) => {
    const { config } = context.services.config();
    const slots = await slotsInUse(context.services);
    const environments = Object.keys(config.environments);
    if (args.target === undefined) return answer(await board(context, slots, environments));
    const wanted = args.target.toLowerCase();
    const slot = slots.find((name) => name.toLowerCase() === wanted);
    if (slot !== undefined) return answer(await oneSlot(context, slot));
    const environment = environments.find((name) => name.toLowerCase() === wanted);
    if (environment !== undefined) return answer(environmentLine(environment));
    const meant = closest(args.target, [...slots, ...environments]);
    return refuse(
      "unknown_target",
      t`There is no slot or environment ${code(args.target)}.${meant ? t` Did you mean ${bold(meant)}?` : null}`,
      t`There are: ${[...slots, ...environments].join(", ") || "none"}.`,
    );
  },
});

async function board(
  context: CommandContext,
  slots: readonly string[],
  environments: readonly string[],
): Promise<Text> {
  const { engine, dashboardUrl } = context.services;
  const leases = await leasesOf(engine, slots);
  const slotLines = await Promise.all(leases.map((lease) => slotLine(context, lease)));
  return lines(
    slots.length === 0 ? t`The configuration has no slots.` : null,
    ...slotLines,
    ...environments.map(environmentLine),
    dashboardUrl === null ? null : t`${link("Dashboard", dashboardUrl)}`,
  );
}

async function slotLine(context: CommandContext, lease: LeaseView): Promise<Text> {
  const { services } = context;
  // Whose turn it is holds the slot, which is said already.
  const waiting = (await services.engine.queue(lease.resource)).filter(({ offer }) => offer === null).length;
  const queue = waiting === 0 ? null : t`; ${waiting} waiting`;
  const state = slotState(lease);
  const removed =
    lease.resource in services.config().config.slots ? null : t`; not in the configuration any more`;
  if (state === "free") return t`${bold(lease.resource)} free${queue}${removed}`;
  const left =
    lease.until === null ? null : t` (${roughly(Math.max(0, lease.until - services.clock.now()))} left)`;
  const held = state === "held" ? "held by " : `${state}: `;
  return t`${bold(lease.resource)} ${held}${holderText(services, lease)}${left}${queue}${removed}`;
}

async function oneSlot(context: CommandContext, name: string): Promise<Text> {
  const { services } = context;
  const [lease] = await leasesOf(services.engine, [name]);
  if (!lease) throw new Error(`The engine answered no lease for ${name}.`);
  const config = services.config().config.slots[name];
  const run = lease.runId === null ? null : await services.engine.run(lease.runId);
  const steps = run ? await services.engine.steps(run.id) : [];
  const recent = await services.engine.runs({ limit: 3, target: name });
  const { instanceId, sha } = lease.facts;
  const shown = typeof sha === "string" ? ` at ${sha.slice(0, 7)}` : "";
  const now = services.clock.now();
  return lines(
    await slotLine(context, lease),
    config ? t`  ${config.url}` : null,
    typeof instanceId === "string" ? t`  Instance ${code(instanceId)}${shown}` : null,
    ...steps.map((step) => t`  ${stepLine(step, now)}`),
    recent.length === 0 ? null : t`Last runs:`,
    ...recent.map((one) => t`  ${runLine(services, one)}`),
  );
}

function environmentLine(name: string): Text {
  return t`${bold(name)} environment: deploying is not part of this version yet`;
}
