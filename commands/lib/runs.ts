import type { Role } from "../../src/config/index.ts";
import type { RunView } from "../../src/engine/types.ts";
import { type CommandContext, type Refusal, refuse } from "../services.ts";
import { requireRole } from "./roles.ts";
import { code, type Text, t } from "./text.ts";

/** Roles of the commands by which runs of each kind begin. */
const ROLE_OF_KIND: Readonly<Record<string, Role>> = {
  launch: "developer",
  update: "developer",
  swap: "developer",
  test: "developer",
  terminate: "developer",
  bake: "maintainer",
  deploy: "release",
  rollback: "release",
};

export async function findRun(context: CommandContext, id: number): Promise<RunView | Refusal> {
  const run = await context.services.engine.run(id);
  if (run) return run;
  return refuse(
    "unknown_run",
    t`There is no run #${id}.`,
    t`${code(`${context.prefix} history`)} lists them.`,
  );
}

/** Acting on a run needs the role of the run's own command; of an unknown kind, a maintainer's. */
export function requireRoleOf(context: CommandContext, run: RunView, verb: string): Refusal | null {
  return requireRole(context, ROLE_OF_KIND[run.kind] ?? "maintainer", `${verb} a ${run.kind}`);
}

/** How a run that has begun is brought to its end. */
export function stopText(prefix: string, { id, outcome }: RunView): Text {
  return outcome === null
    ? t`${code(`${prefix} cancel ${id}`)} stops it.`
    : t`It has done its work and cleans up: wait for its end.`;
}
