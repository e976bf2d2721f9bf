import type { Role } from "../../src/config/index.ts";
import type { CommandContext, Outcome } from "../services.ts";
import type { ValueType } from "./values.ts";

/** A word by its place. */
export interface Positional<T = unknown, R extends boolean = boolean> {
  readonly type: ValueType<T>;
  readonly required: R;
}

/**
 * An option by its name. `flag` takes no value; `value` needs one; `optional` may stand alone, and then takes
 * the next word only when that word is such a value (`--keep`, `--keep 2h`).
 */
export type Option<T = unknown> =
  | { readonly form: "flag"; readonly summary: string }
  | { readonly form: "value"; readonly type: ValueType<T>; readonly summary: string }
  | { readonly form: "optional"; readonly type: ValueType<T>; readonly summary: string };

export type Positionals = Readonly<Record<string, Positional>>;
export type Options = Readonly<Record<string, Option>>;

/** The values that `run` receives, typed after the command's own words and options. */
export type ArgumentsOf<P extends Positionals, O extends Options> = {
  readonly [K in keyof P]: P[K] extends Positional<infer T, infer R>
    ? R extends true
      ? T
      : T | undefined
    : never;
} & {
  readonly [K in keyof O]: O[K] extends { form: "flag" }
    ? boolean
    : O[K] extends { form: "optional"; type: ValueType<infer T> }
      ? T | true | undefined
      : O[K] extends { form: "value"; type: ValueType<infer T> }
        ? T | undefined
        : never;
};

interface Description<P extends Positionals, O extends Options> {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One sentence, for help. */
  readonly summary: string;
  /** The role that is needed to begin with; null: anyone. */
  readonly role: Role | null;
  /** Whether it may change something: then every use is in the audit log. */
  readonly acts: boolean;
  /**
   * Whether it may be done again when the bot was killed in the middle of it: true where the second time
   * changes nothing, or the run's key makes it one.
   */
  readonly repeatable: boolean;
  /**
   * Set by a command that looks something up elsewhere before its effect and then takes its turn itself, so
   * that a slow look-up holds nobody else's up. The others wait for their turn before they begin.
   */
  readonly takesTurn?: boolean;
  readonly positionals: P;
  readonly options: O;
  run(context: CommandContext, args: ArgumentsOf<P, O>): Promise<Outcome>;
}

/** A chat command as the registry and the grammar see it. */
export interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly role: Role | null;
  readonly acts: boolean;
  readonly repeatable: boolean;
  readonly takesTurn: boolean;
  readonly positionals: Positionals;
  readonly options: Options;
  run(context: CommandContext, args: Readonly<Record<string, unknown>>): Promise<Outcome>;
}

/** Describes a command. The grammar checks the words against this description before `run` sees them. */
export function defineCommand<const P extends Positionals, const O extends Options>(
  description: Description<P, O>,
): Command {
  return {
    ...description,
    aliases: description.aliases ?? [],
    takesTurn: description.takesTurn ?? false,
    usage: usageOf(description.name, description.positionals, description.options),
    // The grammar gives exactly the values that the description names, each read by its own type.
    run: (context, args) => description.run(context, args as ArgumentsOf<P, O>),
  };
}

function usageOf(name: string, positionals: Positionals, options: Options): string {
  const words = Object.entries(positionals).map(([key, { required, type }]) =>
    required ? type.placeholder || key : `[${type.placeholder || key}]`,
  );
  const flags = Object.entries(options).map(([key, option]) => {
    if (option.form === "flag") return `[--${key}]`;
    if (option.form === "value") return `[--${key} ${option.type.placeholder}]`;
    return `[--${key} [${option.type.placeholder}]]`;
  });
  return [name, ...words, ...flags].join(" ");
}

export function required<T>(type: ValueType<T>): Positional<T, true> {
  return { type, required: true };
}

export function optional<T>(type: ValueType<T>): Positional<T, false> {
  return { type, required: false };
}

export const flag = (summary: string) => ({ form: "flag", summary }) as const;

export const value = <T>(type: ValueType<T>, summary: string) => ({ form: "value", type, summary }) as const;

export const optionalValue = <T>(type: ValueType<T>, summary: string) =>
  ({ form: "optional", type, summary }) as const;
