import { readStartInput, type StartInput } from "../bot/settings.ts";
import type { CommandContext } from "./context.ts";

/** Settings and configuration for a subcommand; what is wrong goes to standard error. */
export function loadForCommand({
  env,
  cwd,
  stderr,
}: CommandContext): Extract<StartInput, { ok: true }> | undefined {
  const input = readStartInput(env, cwd);
  if (input.ok) return input;
  stderr.write(input.report);
  return undefined;
}
