import type { Role } from "../../src/config/index.ts";
import type { CommandContext, Refusal } from "../services.ts";
import { refuse } from "../services.ts";
import { bold, code, t } from "./text.ts";

/** viewer < developer < maintainer; release stands apart. */
const IMPLIED: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ["viewer"],
  developer: ["viewer", "developer"],
  maintainer: ["viewer", "developer", "maintainer"],
  release: ["viewer", "release"],
};

/** Every role that the given ones bring along. */
export function withImplied(roles: Iterable<Role>): ReadonlySet<Role> {
  return new Set([...roles].flatMap((role) => IMPLIED[role]));
}

/** Refuses a person who lacks the role; `doing` completes "… needs the role". */
export function requireRole(
  context: Pick<CommandContext, "roles" | "withoutRoles" | "prefix">,
  role: Role,
  doing: string,
): Refusal | null {
  if (context.roles.has(role)) return null;
  if (context.withoutRoles) return context.withoutRoles;
  const have = [...context.roles];
  return refuse(
    "role_missing",
    t`${bold(doing)} needs the role ${bold(role)}; you have ${have.length === 0 ? "none" : have.join(", ")}.`,
    t`${code(`${context.prefix} whoami`)} shows who the bot takes you for; roles stand under access.roles in slipway.yml.`,
  );
}
