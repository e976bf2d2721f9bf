import type { JsonValue } from "../util/json.ts";
import { fieldsIn, isField } from "./fields.ts";
import { textKindAt } from "./json-schema.ts";
import { type Finding, nearest, type Path } from "./problem.ts";
import { keyLines } from "./schema/scalars.ts";
import { mapScalars } from "./tree.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `${NAME}`, `${NAME:-default}`, or `$${…}` for a literal one. */
const VARIABLE = /\$?\$\{([^}]*)\}?/g;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^{]*))?$/;

/**
 * Keys whose values anyone may see: they go to AWS, GitHub and Slack in the open. A variable that is used
 * for nothing else is not hidden from logs, where a hidden region or port would only confuse.
 */
const OPEN_KEYS = new Set([
  "address",
  "ami",
  "branch",
  "channel",
  "cluster",
  "container",
  "directory",
  "from",
  "host",
  "installation",
  "instanceType",
  "keyName",
  "listenerRule",
  "ownAddressUrl",
  "port",
  "publicUrl",
  "region",
  "repositories",
  "repository",
  "runner",
  "securityGroup",
  "service",
  "size",
  "subnets",
  "targetGroup",
  "targetGroups",
  "targetPort",
  "team",
  "timezone",
  "ttl",
  "maxTtl",
  "type",
  "url",
  "user",
  "workflow",
  "forks",
]);
const FREE_MAPS = new Set(["env", "inputs", "extraVars", "tags", "variables"]);

export interface Filled {
  readonly tree: JsonValue;
  /** Paths (as JSON) of scalars that came from the environment, with the variables' names. */
  readonly filled: ReadonlyMap<string, readonly string[]>;
  /** Whether the scalar at a path was written with a variable, filled from it or from its default. */
  fromEnvironment(path: Path): boolean;
  /** Values from the environment that must not be shown. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

/** Fills `${NAME}` from the environment in every scalar except shell text. */
export function fillVariables(raw: JsonValue, env: Environment): Filled {
  return new Filler(env).fill(raw);
}

class Filler {
  readonly #env: Environment;
  readonly #filled = new Map<string, string[]>();
  readonly #written = new Set<string>();
  readonly #secrets = new Map<string, string>();
  readonly #findings: Finding[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  fill(raw: JsonValue): Filled {
    const tree = mapScalars(raw, (value, path) => {
      if (typeof value !== "string" || !value.includes("${") || textKindAt(path) === "shell") return value;
      return this.#text(value, path);
    });
    return {
      tree,
      filled: this.#filled,
      fromEnvironment: (path) => this.#written.has(JSON.stringify(path)),
      secrets: this.#secrets,
      findings: this.#findings,
    };
  }

  #text(text: string, path: Path): string {
    this.#written.add(JSON.stringify(path));
    return text.replace(VARIABLE, (whole: string, inside: string) => {
      if (whole.startsWith("$$")) return whole.slice(1);
      const [, name, byDefault] = INSIDE.exec(inside) ?? [];
      if (name !== undefined && whole.endsWith("}")) return this.#value(name, byDefault, path) ?? whole;
      this.#findings.push({
        path,
        message: `${whole} is not a variable; write \${NAME} or \${NAME:-default}, without braces in the default`,
      });
      return whole;
    });
  }

  #value(name: string, byDefault: string | undefined, path: Path): string | undefined {
    const present = this.#env[name];
    if (byDefault !== undefined && (present === undefined || present === "")) return byDefault;
    const place = JSON.stringify(path);
    this.#filled.set(place, [...(this.#filled.get(place) ?? []), name]);
    if (present === undefined) {
      this.#findings.push({ path, kind: "missing_variable", ...missing(name, this.#env) });
      return undefined;
    }
    if (present !== "" && !isOpen(path)) {
      // Wherever it stands: a key that is handed to a program besides is told in either form.
      const key = keyLines(present);
      const value = isKey(path) || key.includes("-----BEGIN") ? key : present;
      this.#secrets.set(name, value);
      // The redactor knows the lines of a text; base64 of the whole is another text.
      if (!present.includes("-----BEGIN") && value !== present) this.#secrets.set(`${name} as set`, present);
    }
    this.#refuseFields(name, present, path);
    return present;
  }

  /** What comes from the environment is a value, not a template: a password must not be filled in. */
  #refuseFields(name: string, present: string, path: Path): void {
    const kind = textKindAt(path);
    if (kind !== "template" && kind !== "slot") return;
    const field = fieldsIn(present).find((word) => isField(word) || word === "SLOT");
    if (field === undefined) return;
    const message = `the value of \${${name}} contains {${field}}, which would be filled in; use another value`;
    this.#findings.push({ path, message });
  }
}

function missing(name: string, env: Environment): { message: string; suggestion: string | undefined } {
  const set = Object.keys(env).filter((key) => env[key] !== undefined);
  const close = name.length > 4 ? nearest(name, set) : undefined;
  return {
    message: `the environment variable ${name} is not set; set it, or write \${${name}:-default}`,
    suggestion: close === undefined ? undefined : `\${${close}}`,
  };
}

function isOpen(path: Path): boolean {
  const words = path.filter((part) => typeof part === "string");
  if (words.slice(0, -1).some((word) => FREE_MAPS.has(word))) return false;
  return OPEN_KEYS.has(words.at(-1) ?? "");
}

function isKey(path: Path): boolean {
  return path.at(-1) === "privateKey";
}
