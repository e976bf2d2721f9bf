import type { JsonObject, JsonValue } from "../src/util/json.ts";

/** Rows are written by this program alone and checked by SQLite's own types, so their JSON is trusted here. */
export function parseJson<T = JsonValue>(text: string | null): T {
  return text === null ? (null as T) : (JSON.parse(text) as T);
}

export function parseObject(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}
