import type { Filter } from "@aws-sdk/client-ec2";
import { AwsError } from "../../wire/aws-error.ts";

/** The values that a resource has for each filter name that its action documents. */
export type FilterValues<T> = Readonly<Record<string, (resource: T) => readonly (string | undefined)[]>>;

/** Filters are joined by and, a filter's values by or; `*` and `?` are wildcards, and case counts. */
export function filtered<T extends { readonly tags: ReadonlyMap<string, string> }>(
  resources: readonly T[],
  filters: readonly Filter[] | undefined,
  known: FilterValues<T>,
): T[] {
  const tests = (filters ?? []).map((filter) => testOf(filter, known));
  return resources.filter((resource) => tests.every((test) => test(resource)));
}

function testOf<T extends { readonly tags: ReadonlyMap<string, string> }>(
  filter: Filter,
  known: FilterValues<T>,
): (resource: T) => boolean {
  const name = filter.Name ?? "";
  const patterns = (filter.Values ?? []).map(wildcard);
  if (patterns.length === 0) {
    throw new AwsError(
      "InvalidParameterValue",
      `The filter '${name}' has no values: The filter value cannot be null`,
    );
  }
  const values = valuesOf(name, known);
  if (!values) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
  return (resource) =>
    values(resource).some((value) => value !== undefined && patterns.some((pattern) => pattern.test(value)));
}

function valuesOf<T extends { readonly tags: ReadonlyMap<string, string> }>(
  name: string,
  known: FilterValues<T>,
): ((resource: T) => readonly (string | undefined)[]) | undefined {
  if (name.startsWith("tag:")) return ({ tags }) => [tags.get(name.slice(4))];
  if (name === "tag-key") return ({ tags }) => [...tags.keys()];
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

function wildcard(value: string): RegExp {
  const source = [...value]
    .map((c) => (c === "*" ? "[\\s\\S]*" : c === "?" ? "[\\s\\S]" : c.replace(/[.+^${}()|[\]\\/-]/, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`);
}
