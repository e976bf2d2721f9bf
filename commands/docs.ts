import { writeFileSync } from "node:fs";
import { commands } from "./index.ts";
import type { Command } from "./lib/command.ts";
import { notYet } from "./lib/not-yet.ts";
import { reasonCodes } from "./reason-codes.ts";

/** The text of docs/commands.md. `node commands/docs.ts` writes it and docs/reason-codes.md. */
export function commandsPage(): string {
  const planned = Object.entries(notYet).map(([word, summary]) => `- \`${word}\`: ${summary}`);
  return `# Commands

Made from the registry in \`commands/\` by \`node commands/docs.ts\`; do not edit by hand.

In Slack \`/stg …\`, in a terminal on the bot's machine \`npx slipway stg …\`. Options are \`--name value\`,
\`--name=value\` or \`name=value\`; a text of several words stands in quotes. No word at all is \`status\`.
A wrong word starts nothing and is answered with what was probably meant.

${commands.map(section).join("\n")}
## Not in this version yet

These words are known and answered with \`not_available\`.

${planned.join("\n")}
`;
}

function section(command: Command): string {
  const options = Object.entries(command.options).map(([name, { summary }]) => `- \`--${name}\`: ${summary}`);
  const also =
    command.aliases.length === 0 ? "" : ` Also: ${command.aliases.map((a) => `\`${a}\``).join(", ")}.`;
  const role = command.role === null ? "Anyone" : `Role: ${command.role}`;
  const body = [`\`${command.usage}\``, "", `${command.summary} ${role}.${also}`, ""];
  return [`## ${command.name}`, "", ...body, ...(options.length > 0 ? [...options, ""] : [])].join("\n");
}

/** The text of docs/reason-codes.md. */
export function reasonCodesPage(): string {
  const rows = Object.entries(reasonCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `# Reason codes

Whenever Slipway says no, the answer carries one of these codes. They are stable: programs may rely on them.
A refusal also says what happened, that nothing was started, and what to do next; in Slack only its author
sees it. Made from \`commands/reason-codes.ts\` by \`node commands/docs.ts\`.

| code | meaning |
|---|---|
${rows.join("\n")}
`;
}

if (import.meta.main) {
  writeFileSync("docs/commands.md", commandsPage());
  writeFileSync("docs/reason-codes.md", reasonCodesPage());
}
