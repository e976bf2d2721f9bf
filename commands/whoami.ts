import { defineCommand } from "./lib/command.ts";
import { code, lines, t, who } from "./lib/text.ts";
import { answer } from "./services.ts";

export const whoami = defineCommand({
  name: "whoami",
  summary: "Says who the bot takes you for, and your roles.",
  role: null,
  acts: false,
  repeatable: true,
  positionals: {},
  options: {},
  run: async ({ person, roles, linked, withoutRoles }) =>
    answer(
      lines(
        t`You are ${who(person)} (${code(person.id)}).`,
        linked.length === 0
          ? t`You are not linked to anyone on GitHub (access.people in slipway.yml).`
          : t`The same person: ${linked.join(", ")}.`,
        roles.size === 0 ? t`You have no role.` : t`Roles: ${[...roles].join(", ")}.`,
        withoutRoles ? t`${withoutRoles.what} (${withoutRoles.reasonCode})` : null,
      ),
    ),
});
