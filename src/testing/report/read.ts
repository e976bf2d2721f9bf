import { ReportError } from "./error.ts";
import { playwrightReport, type ReportJson } from "./schema.ts";

/**
 * Reads a report's text by the schema.
 * @param of whose report it is, for messages
 * @throws {ReportError} `report_missing`, `report_truncated` or `report_foreign`
 */
export function readJson(text: string | undefined, of: string): ReportJson {
  if (text === undefined) throw new ReportError("report_missing", `There is no report for ${of}.`);
  if (text.trim() === "") throw new ReportError("report_truncated", `The report for ${of} is empty.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    const truncated = text.trimStart().startsWith("{");
    throw truncated
      ? new ReportError("report_truncated", `The report for ${of} ends in the middle.`)
      : new ReportError("report_foreign", `The report for ${of} is not JSON.`);
  }
  const parsed = playwrightReport.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? "" : ` (${issue.path.join(".") || "top level"}: ${issue.message})`;
    throw new ReportError("report_foreign", `The report for ${of} is not Playwright's${where}.`);
  }
  return parsed.data;
}
