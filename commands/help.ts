import { type Command, defineCommand, optional } from "./lib/command.ts";
import { notYet, refuseNotYet } from "./lib/not-yet.ts";
import { closest } from "./lib/suggest.ts";
import { bold, code, lines, type Text, t } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { answer, refuse } from "./services.ts";

/** Made with the registry's commands, of which it is one itself. */
export function makeHelp(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: "help",
    summary: "Lists the commands, or explains one.",
    role: null,
    acts: false,
    repeatable: true,
    positionals: { command: optional(nameOf("command")) },
    options: {},
    run: async ({ prefix }, args) => {
      if (args.command === undefined) return answer(overview(commands(), prefix));
      const word = args.command.toLowerCase();
      const found = commands().find(({ name, aliases }) => name === word || aliases.includes(word));
      if (found) return answer(explain(found, prefix));
      if (Object.hasOwn(notYet, word)) return refuseNotYet(word, prefix);
      const meant = closest(
        word,
        commands().map(({ name }) => name),
      );
      return refuse(
        "unknown_command",
        t`There is no command ${code(args.command)}.${meant ? t` Did you mean ${bold(meant)}?` : null}`,
        t`${code(`${prefix} help`)} lists the commands.`,
      );
    },
  });
}

function overview(commands: readonly Command[], prefix: string): Text {
  return lines(
    ...commands.map(({ usage, summary }) => t`${code(`${prefix} ${usage}`)} ${summary}`),
    t`Not in this version yet: ${Object.keys(notYet).join(", ")}.`,
  );
}

function explain(command: Command, prefix: string): Text {
  const also = command.aliases.length === 0 ? null : t`Also: ${command.aliases.join(", ")}`;
  return lines(
    t`${code(`${prefix} ${command.usage}`)}`,
    t`${command.summary}`,
    ...Object.entries(command.options).map(([name, { summary }]) => t`  ${code(`--${name}`)} ${summary}`),
    also,
    t`Needs: ${command.role === null ? "no role" : `the role ${command.role}`}`,
  );
}
