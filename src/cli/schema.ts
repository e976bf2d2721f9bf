import { configReference, jsonSchema } from "../config/index.ts";
import type { CommandContext } from "./context.ts";

const USAGE = `Usage: slipway schema [--reference]

Prints the JSON Schema of slipway.yml, or with --reference every key as Markdown. For an editor with a YAML language server:
  slipway schema > slipway.schema.json
and as the first line of slipway.yml:
  # yaml-language-server: $schema=./slipway.schema.json
`;

/** Prints the JSON Schema or the reference of the configuration; the exit code is 0, or 2 for wrong usage. */
export async function schema(args: readonly string[], context: CommandContext): Promise<number> {
  if (args.length === 0) {
    context.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    return 0;
  }
  if (args.length === 1 && args[0] === "--reference") {
    context.stdout.write(`${configReference()}\n`);
    return 0;
  }
  const asked = args[0] === "--help" || args[0] === "-h";
  context[asked ? "stdout" : "stderr"].write(USAGE);
  return asked ? 0 : 2;
}
