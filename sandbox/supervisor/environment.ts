const PLAIN = /^[\w./:@%+,=-]*$/;

/**
 * Writes KEY=value lines that mean the same to a shell (`set -a; . file`) and to Node's `parseEnv`: bare where
 * nothing is special, else in single quotes. Throws on what neither quote can carry.
 */
export function environmentFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(name, value)}\n`)
    .join("");
}

function quoted(name: string, value: string): string {
  if (PLAIN.test(value)) return value;
  if (/['\n\r\0]/.test(value)) throw new Error(`${name} cannot be written into an environment file`);
  return `'${value}'`;
}

/** A key in base64: one line, no space and no quotes, so that every reader of such files agrees on it. */
export function inBase64(key: string): string {
  return Buffer.from(key).toString("base64");
}

/** What a process gets of our own environment: enough to find programs, none of the developer's credentials. */
export function bareEnvironment(from: NodeJS.ProcessEnv): Record<string, string> {
  const kept = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_OPTIONS"];
  const env: Record<string, string> = {};
  for (const name of kept) {
    const value = from[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
