/** Slack takes objects as JSON text in a form field, or as they are in a JSON body: undefined where it is neither. */
export function parsedParameter(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

export function textParameter(value: unknown): string {
  return typeof value === "string" ? value : "";
}
