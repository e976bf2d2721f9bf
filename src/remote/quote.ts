import { RemoteError } from "./errors.ts";

/** Names that a shell keeps for itself; setting them would fail or change how the shell reads. */
const RESERVED = new Set([
  "UID",
  "EUID",
  "PPID",
  "IFS",
  "OPTIND",
  "SHELLOPTS",
  "BASHOPTS",
  "BASH_ENV",
  "ENV",
]);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The kernel refuses a single argument or variable of 128 KiB; what surrounds the value needs some of it. */
export const LARGEST_ENVIRONMENT = 120 * 1024;

/**
 * One word of shell text that stands for exactly `value`. The only place in the project that writes a value
 * into shell text; everything else is a constant script that reads environment variables.
 * @throws RemoteError `value_not_passable` for a NUL byte, which no shell and no environment can hold.
 */
export function quote(value: string): string {
  if (value.includes("\0")) {
    throw new RemoteError("value_not_passable", "A value with a NUL byte cannot be passed to a program.", {
      remedy: "Remove the NUL byte from the value.",
    });
  }
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/**
 * Shell text, one line per variable, that sets and exports every variable.
 * @throws RemoteError `value_not_passable` for a name that is no variable name, or one that the shell keeps,
 *   and for more than {@link LARGEST_ENVIRONMENT} bytes in all.
 */
export function exportLines(env: Readonly<Record<string, string>>): string {
  const lines = Object.entries(env).map(([name, value]) => {
    if (!NAME.test(name) || RESERVED.has(name)) {
      throw new RemoteError("value_not_passable", `"${name}" cannot be set as an environment variable.`, {
        remedy: "Use a name of letters, digits and underscores that the shell does not keep for itself.",
        fields: { name },
      });
    }
    return `export ${name}=${quote(value)}\n`;
  });
  const text = lines.join("");
  if (Buffer.byteLength(text) > LARGEST_ENVIRONMENT) {
    throw new RemoteError("value_not_passable", "The environment of a command is larger than 120 KiB.", {
      remedy: "Pass large values in a file.",
    });
  }
  return text;
}
