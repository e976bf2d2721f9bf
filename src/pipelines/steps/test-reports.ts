import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ObjectPlace, parseS3Address } from "../../cloud/index.ts";
import { fillFields } from "../../config/index.ts";
import type { TestReport } from "../../testing/index.ts";
import { messageOf, SlipwayError } from "../../util/errors.ts";
import type { SlotContext } from "../services.ts";

/** Where a run's reports and pictures are kept on the bot's machine. */
export function reportFolder({ services }: SlotContext, runUuid: string): string {
  return join(services.artifactsFolder, runUuid);
}

/**
 * Keeps the reports, for `--failed` and for people: in the run's folder, and where `tests.results` names it in S3
 * too. S3 is worth a line in the log, never a failed run.
 */
export async function keepReports(
  context: SlotContext,
  folder: string,
  reports: readonly TestReport[],
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(reports);
  await writeFile(join(folder, "reports.json"), body);
  const place = latestPlace(context);
  if (place === undefined) return;
  try {
    await context.region.objects.put(place, body, { contentType: "application/json", signal });
  } catch (error) {
    signal.throwIfAborted();
    log(`The reports could not be put into ${context.config.tests?.results}: ${messageOf(error)}`);
  }
}

/** The reports of the last tests on this slot. @throws SlipwayError `no_earlier_tests` */
export async function earlierReports(
  context: SlotContext,
  folder: string | null,
  signal: AbortSignal,
): Promise<TestReport[]> {
  const text = (await fromFolder(folder)) ?? (await fromS3(context, signal));
  if (text === undefined) {
    throw new SlipwayError(
      "no_earlier_tests",
      `Nothing is known of earlier tests on ${context.name}, so there is nothing to run again.`,
      {
        remedy: `Run them all: /stg test ${context.name}`,
      },
    );
  }
  return JSON.parse(text) as TestReport[];
}

async function fromFolder(folder: string | null): Promise<string | undefined> {
  if (folder === null) return undefined;
  try {
    return await readFile(join(folder, "reports.json"), "utf8");
  } catch {
    return undefined;
  }
}

async function fromS3(context: SlotContext, signal: AbortSignal): Promise<string | undefined> {
  const place = latestPlace(context);
  const bytes = place && (await context.region.objects.get(place, { signal }));
  return bytes && Buffer.from(bytes).toString("utf8");
}

function latestPlace({ config, name, slot }: SlotContext): ObjectPlace | undefined {
  const results = config.tests?.results;
  if (results === undefined) return undefined;
  const { bucket, key } = parseS3Address(fillFields(results, { slot: name, region: slot.region }));
  return { bucket, key: [key, "latest.json"].filter((part) => part !== "").join("/") };
}
