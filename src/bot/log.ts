import pino, { type Logger } from "pino";
import type { Redactor } from "../util/redact.ts";

/**
 * The process's log: one JSON object a line on standard output. Every line goes through the redactor as it leaves,
 * whatever library wrote it and however deep the value lay.
 */
export function createLog(level: string, redact: Redactor): Logger {
  const out = { write: (line: string) => void process.stdout.write(redact.text(line)) };
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, out);
}
