import { formatDuration, type ServiceStepOrGroup } from "../../src/config/index.ts";
import type { CommandContext } from "../services.ts";
import type { PinnedCommit } from "./commit.ts";
import type { NamedSlot } from "./slots.ts";
import { bold, code, lines, type Text, t } from "./text.ts";
import type { TestChoice } from "./values.ts";

export interface LaunchPlan {
  readonly commit: PinnedCommit;
  readonly ami: string | null;
  readonly tests: TestChoice;
  /** Null: as the slot that it gets says. */
  readonly keep: boolean | null;
  readonly keepMs: number | null;
}

/** What a launch would do, in its order, on the slot that it would take. */
export async function describeLaunch(
  context: CommandContext,
  slots: readonly NamedSlot[],
  plan: LaunchPlan,
): Promise<Text> {
  const { config } = context.services.config();
  const first = await wouldTake(context, slots);
  if (!first) return t`Nothing to launch on.`;
  const slot = first.config;
  const places = slot.instanceType.flatMap((type) => slot.subnets.map((subnet) => `${type} in ${subnet}`));
  const names = slots.map(({ name }) => name).join(" or ");
  const kept = t`Keep: ${formatDuration(plan.keepMs ?? slot.ttl)}, then terminate`;
  return lines(
    t`Dry run: nothing was started. ${bold(`launch ${names}`)} would do this${slots.length > 1 ? ` (shown for ${first.name})` : ""}:`,
    t`Commit: ${commitText(plan.commit)}`,
    t`Image: ${code(plan.ami ?? slot.ami)}`,
    t`Instance, the first with capacity: ${places.join("; ")}`,
    t`Service update: ${config.serviceUpdate.steps.flatMap(stepNames).join(" → ") || "no steps"}`,
    t`Swap: ${slot.swap}, to ${slot.url}`,
    t`Tests: ${testsOf(plan.tests, config.tests?.browsers ?? [])}`,
    (plan.keep ?? slot.afterTests === "keep") ? kept : t`Terminate afterwards, confirm, release the slot`,
  );
}

/** The first that is free; while none is, nobody knows, and the first stands for all. */
async function wouldTake(
  { services }: CommandContext,
  slots: readonly NamedSlot[],
): Promise<NamedSlot | undefined> {
  const leases = await services.engine.leases(slots.map(({ name }) => name));
  const free = leases.find(({ mode }) => mode === "free")?.resource;
  return slots.find(({ name }) => name === free) ?? slots[0];
}

function commitText(commit: PinnedCommit): Text {
  if (commit.sha === null) return t`as the image has it`;
  const from =
    commit.pr !== null ? `pull request ${commit.pr}: ` : commit.ref !== null ? `${commit.ref}: ` : "";
  return t`${code(commit.sha.slice(0, 12))} (${from}${commit.title})`;
}

function stepNames(step: ServiceStepOrGroup): string[] {
  if (step.kind !== "parallel") return [step.name];
  return [`(${step.parallel.map(({ name }) => name).join(" ∥ ")})`];
}

function testsOf(choice: TestChoice, all: readonly string[]): string {
  if (choice === "none" || all.length === 0) return "none";
  return (choice === "all" ? all : choice).join(", ");
}
