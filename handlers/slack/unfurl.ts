import type { Logger } from "pino";
import { z } from "zod";
import type { CommandServices } from "../../commands/services.ts";
import type { SlackAsker } from "../roles.ts";
import type { Budget } from "./budget.ts";
import { retryAfterMsOf, troubleOf } from "./directory.ts";
import { type Content, isDefinite, type Messages } from "./messages.ts";
import { contentOf } from "./rows.ts";
import type { Stories } from "./stories.ts";

/** https://docs.slack.dev/reference/events/link_shared */
const linkShared = z.object({
  team_id: z.string().default(""),
  event: z.object({
    type: z.literal("link_shared"),
    user: z.string().min(1),
    channel: z.string(),
    message_ts: z.string(),
    links: z.array(z.object({ url: z.string() })).max(50),
  }),
});
const MOST_LINKS = 5;

export interface UnfurlOptions {
  readonly messages: Messages;
  readonly budget: Budget;
  readonly services: CommandServices;
  readonly stories: Stories;
  readonly log: Logger;
  mayLook(asker: SlackAsker): Promise<boolean>;
}

/** Shows a run below a message that holds its address, as it is at that moment, when its author may see runs. */
export async function unfurlRuns(options: UnfurlOptions, body: unknown): Promise<void> {
  const { team_id: teamId, event } = linkShared.parse(body);
  const base = options.services.dashboardUrl;
  if (base === null) return;
  if (!(await options.mayLook({ userId: event.user, teamId, userName: event.user }))) return;
  const previews = new Map<string, Content>();
  for (const { url } of event.links.slice(0, MOST_LINKS)) {
    const id = runOf(url, base);
    const run = id === null ? null : await options.services.engine.run(id);
    if (run !== null) previews.set(url, previewOf(contentOf(await options.stories.of(run))));
  }
  if (previews.size > 0) await show(options, event, previews);
}

/** Buttons stay with the run's own message. */
function previewOf({ text, forms }: Content): Content {
  return { text, forms: forms.map((blocks) => blocks.filter(({ type }) => type !== "actions")) };
}

async function show(
  { budget, messages, log }: UnfurlOptions,
  { channel, message_ts: ts }: { readonly channel: string; readonly message_ts: string },
  previews: ReadonlyMap<string, Content>,
): Promise<void> {
  const facts = { channel, urls: [...previews.keys()] };
  if (budget.wait("chat.unfurl") > 0)
    return log.info(facts, "no preview of a run in Slack: as many as a minute allows were shown");
  try {
    await messages.unfurl(channel, ts, previews);
  } catch (error) {
    log.warn({ ...facts, err: troubleOf(error) }, "a preview of a run could not be shown in Slack");
    // One that Slack refuses is no loss; one that it had no time for is tried again.
    if (!isDefinite(error) || retryAfterMsOf(error) !== null) throw error;
  }
}

/** The number of the run whose page this is. */
export function runOf(url: string, base: string): number | null {
  const found = url.startsWith(`${base}/runs/`)
    ? /^(\d{1,9})(?:[/?#].*)?$/.exec(url.slice(base.length + 6))
    : null;
  return found ? Number(found[1]) : null;
}
