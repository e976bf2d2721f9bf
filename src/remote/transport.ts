import type { ScriptOptions, ScriptResult } from "./script.ts";

/**
 * A machine where jobs run, near or far: all that the job code needs of it. Every script that it sends is
 * written so that it may be sent again after the connection was lost in the middle.
 */
export interface JobTransport {
  /** For messages, e.g. `ubuntu@203.0.113.7`. */
  readonly where: string;
  /** The folder of job folders; a path that does not begin with `/` lies in the home directory. */
  readonly root: string;
  run(script: string, io: ScriptOptions): Promise<ScriptResult>;
}
