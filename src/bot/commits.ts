import type { Logger } from "pino";
import { Probot } from "probot";
import { pinOf, readAgain, usualRepository, wasLookedUp } from "../../commands/lib/read-again.ts";
import { toAdvice } from "../../commands/lib/text.ts";
import type { CommitSource, Refusal } from "../../commands/services.ts";
import { createGitHubCommits, installations, PlainOctokit } from "../../handlers/github/commits.ts";
import type { ConfigHolder, Settings } from "../config/index.ts";
import type { CommitObjection, PinnedCommits } from "../pipelines/index.ts";

/** Where commits are looked up; null: GitHub is not set up. */
export function commitSource(settings: Settings, holder: ConfigHolder, log: Logger): CommitSource | null {
  if (!settings.github) return null;
  const { appId, privateKey, webhookSecret, apiUrl } = settings.github;
  const probot = new Probot({
    appId,
    privateKey,
    secret: webhookSecret,
    Octokit: PlainOctokit,
    ...(apiUrl !== undefined && { baseUrl: apiUrl }),
  });
  return createGitHubCommits({
    octokitFor: installations(probot),
    config: () => holder.current().config,
    onFailure: (error) => log.warn({ err: error }, "GitHub could not be asked about a commit"),
  });
}

/** The same for runs, which were pinned to their commits when their commands were read. */
export function pinnedCommits(source: CommitSource | null, holder: ConfigHolder): PinnedCommits {
  return {
    wasLookedUp,
    readAgain: async (input, slot) => {
      const usual = usualRepository(holder.current().config, slot);
      const pin = pinOf(input, usual);
      if (source === null || pin === null) return NOBODY_TO_ASK;
      const refusal = await readAgain(source, pin, { command: `/stg launch ${slot}`, usual });
      return refusal && objectionOf(refusal);
    },
  };
}

/** It was looked up once, and GitHub has been taken out of the settings since. */
const NOBODY_TO_ASK: CommitObjection = {
  code: "github_not_configured",
  message: "The commit cannot be read again: GitHub is not set up for this bot any more.",
  remedy: "Set APP_ID and PRIVATE_KEY again (see the README), or launch a whole commit with --sha.",
  passing: false,
  retryAt: null,
};

function objectionOf({ reasonCode, what, next, retryAt }: Refusal): CommitObjection {
  return {
    code: reasonCode,
    message: toAdvice(what),
    remedy: next ? toAdvice(next) : undefined,
    passing: reasonCode === "github_unreachable" || reasonCode === "github_rate_limited",
    retryAt: retryAt ?? null,
  };
}
