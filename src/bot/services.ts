import type { Logger } from "pino";
import { Probot, ProbotOctokit } from "probot";
import type { CommandServices, CommitSource } from "../../commands/services.ts";
import { createGitHubCommits, installations } from "../../handlers/github/commits.ts";
import type { ConfigHolder, Settings } from "../config/index.ts";
import type { EngineApi } from "../engine/types.ts";
import { systemClock } from "../util/clock.ts";
import type { Configurations } from "./configurations.ts";

export interface ServiceParts {
  readonly engine: EngineApi;
  readonly holder: ConfigHolder;
  readonly configurations: Configurations;
  readonly settings: Settings;
  readonly log: Logger;
}

/** What commands may use. */
export function createCommandServices({
  engine,
  holder,
  configurations,
  settings,
  log,
}: ServiceParts): CommandServices {
  return {
    engine,
    config: () => holder.current(),
    rememberConfig: (config) => configurations.remember(config),
    commits: commitSource(settings, holder, log),
    clock: systemClock,
    get dashboardUrl() {
      return holder.current().config.network.publicUrl?.replace(/\/+$/, "") ?? null;
    },
  };
}

function commitSource(settings: Settings, holder: ConfigHolder, log: Logger): CommitSource | null {
  if (!settings.github) return null;
  const { appId, privateKey, webhookSecret, apiUrl } = settings.github;
  const probot = new Probot({
    appId,
    privateKey,
    secret: webhookSecret,
    Octokit: ProbotOctokit,
    ...(apiUrl !== undefined && { baseUrl: apiUrl }),
  });
  return createGitHubCommits({
    octokitFor: installations(probot),
    config: () => holder.current().config,
    onFailure: (error) => log.warn({ err: error }, "GitHub could not be asked about a commit"),
  });
}
