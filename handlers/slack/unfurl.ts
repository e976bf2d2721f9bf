import type { webApi } from "@slack/bolt";
import type { MessageAttachment } from "@slack/types";
import { z } from "zod";
import type { CommandServices } from "../../commands/services.ts";
import { planBlocks } from "../../src/publish/slack-blocks.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { SlackAsker } from "../roles.ts";
import type { Budget } from "./budget.ts";
import { slackErrorOf } from "./directory.ts";
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
  readonly client: webApi.WebClient;
  readonly budget: Budget;
  readonly services: CommandServices;
  readonly stories: Stories;
  readonly redact: Redactor;
  mayLook(asker: SlackAsker): Promise<boolean>;
}

/** Shows a run below a message that holds its address, as it is at that moment, when its author may see runs. */
export async function unfurlRuns(options: UnfurlOptions, body: unknown): Promise<void> {
  const { team_id: teamId, event } = linkShared.parse(body);
  const base = options.services.dashboardUrl;
  if (base === null) return;
  if (!(await options.mayLook({ userId: event.user, teamId, userName: event.user }))) return;
  const unfurls: Record<string, MessageAttachment> = {};
  for (const { url } of event.links.slice(0, MOST_LINKS)) {
    const id = runOf(url, base);
    const run = id === null ? null : await options.services.engine.run(id);
    if (run === null) continue;
    // Buttons stay with the run's own message.
    const blocks = planBlocks(await options.stories.of(run)).filter(({ type }) => type !== "actions");
    unfurls[url] = options.redact.deep({ blocks });
  }
  if (Object.keys(unfurls).length === 0 || options.budget.wait("chat.unfurl") > 0) return;
  options.budget.spend("chat.unfurl");
  try {
    await options.client.chat.unfurl({ channel: event.channel, ts: event.message_ts, unfurls });
  } catch (error) {
    // A preview that Slack refuses is no loss; one that it had no time for is tried again.
    if (slackErrorOf(error) === null) throw error;
  }
}

/** The number of the run whose page this is. */
export function runOf(url: string, base: string): number | null {
  const found = url.startsWith(`${base}/runs/`)
    ? /^(\d{1,9})(?:[/?#].*)?$/.exec(url.slice(base.length + 6))
    : null;
  return found ? Number(found[1]) : null;
}
