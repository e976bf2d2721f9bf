import pino, { type Logger } from "pino";
import type { Redactor } from "../util/redact.ts";

/**
 * The process's log: one JSON object a line on standard output. Every line goes through the redactor as it leaves,
 * whatever library wrote it and however deep the value lay.
 *
 * What cannot be written is lost, and nothing else: a full disk, or a reader that has gone away, must not end the
 * process that has slots to clean up.
 */
export function createLog(level: string, redact: Redactor): Logger {
  const { stdout } = process;
  if (!stdout.listeners("error").includes(lost)) stdout.on("error", lost);
  const out = { write: (line: string) => write(stdout, redact.text(line)) };
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, out);
}

/** Files throw at once, pipes tell later by an event. */
function write(stream: NodeJS.WriteStream, line: string): void {
  try {
    stream.write(line);
  } catch {
    lost();
  }
}

function lost(): void {}
