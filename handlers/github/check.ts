import { Probot, ProbotOctokit } from "probot";
import type { GitHubSettings } from "../../src/config/index.ts";
import { messageOf, SlipwayError } from "../../src/util/errors.ts";

const TIMEOUT_MS = 5_000;

/**
 * Asks GitHub whether the App's key is right and whether the App is installed where it is needed. Changes nothing.
 * @throws SlipwayError `github_refused`, `github_not_installed`
 */
export async function checkGitHub(
  settings: GitHubSettings | undefined,
  repositories: readonly string[],
): Promise<string> {
  if (!settings) return "not set up";
  const { appId, privateKey, webhookSecret, apiUrl } = settings;
  const probot = new Probot({
    appId,
    privateKey,
    secret: webhookSecret,
    logLevel: "fatal",
    Octokit: ProbotOctokit,
    ...(apiUrl !== undefined && { baseUrl: apiUrl }),
  });
  const request = () => ({ signal: AbortSignal.timeout(TIMEOUT_MS), retries: 0 });
  const app = await probot.auth();
  const { data } = await app.rest.apps.getAuthenticated({ request: request() }).catch((cause: unknown) => {
    throw new SlipwayError("github_refused", `GitHub does not take the App's key: ${messageOf(cause)}`, {
      cause,
      remedy: "APP_ID and PRIVATE_KEY must be of one App (its page, General); GITHUB_API_URL for Enterprise.",
    });
  });
  for (const repository of repositories) {
    const [owner = "", repo = ""] = repository.split("/");
    await app.rest.apps.getRepoInstallation({ owner, repo, request: request() }).catch((cause: unknown) => {
      throw new SlipwayError("github_not_installed", `${repository}: ${messageOf(cause)}`, {
        cause,
        remedy: `Install the App on ${repository} (its page, Install App), or take it out of github.repositories.`,
      });
    });
  }
  return [data?.slug ?? String(appId), ...repositories].join(", ");
}
