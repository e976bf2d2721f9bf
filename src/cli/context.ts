import type { Environment } from "../config/index.ts";

/** What a subcommand sees of the process that it runs in. */
export interface CommandContext {
  readonly env: Environment;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly cwd: string;
}
