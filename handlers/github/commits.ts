import type { Probot, ProbotOctokit } from "probot";
import { z } from "zod";
import { code, t } from "../../commands/lib/text.ts";
import {
  type Commit,
  type CommitSource,
  type CommitWish,
  type Refusal,
  refuse,
} from "../../commands/services.ts";
import type { Config } from "../../src/config/index.ts";

/** How long one look-up of GitHub may take, in ms. */
const TIMEOUT_MS = 5_000;

export interface GitHubCommitsOptions {
  /** GitHub's API as the App's installation on this repository. */
  octokitFor(repository: string, signal: AbortSignal): Promise<ProbotOctokit>;
  config(): Config;
  onFailure(error: unknown): void;
  readonly timeoutMs?: number;
}

/** Looks commits up as the GitHub App. What GitHub says no to, and its silence, are refusals. */
export function createGitHubCommits(options: GitHubCommitsOptions): CommitSource {
  return {
    resolve: async (wish) => {
      const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
      const place = placeOf(wish.repository);
      if (!place) return notFound(wish);
      try {
        const octokit = await options.octokitFor(wish.repository, signal);
        return await resolve({ octokit, place, signal, forks: options.config().github.forks }, wish);
      } catch (error) {
        return judge(error, wish, options.onFailure);
      }
    },
  };
}

/** The installation's API for each repository; Probot caches the tokens, the ids are remembered here. */
export function installations(probot: Probot): GitHubCommitsOptions["octokitFor"] {
  const ids = new Map<string, number>();
  return async (repository, signal) => {
    const known = ids.get(repository);
    if (known !== undefined) return await probot.auth(known);
    const place = placeOf(repository);
    if (!place) throw new Error(`${repository} is no repository's name.`);
    const app = await probot.auth();
    const { data } = await app.rest.apps.getRepoInstallation({ ...place, request: { signal, retries: 0 } });
    ids.set(repository, data.id);
    return await probot.auth(data.id);
  };
}

interface Place {
  readonly owner: string;
  readonly repo: string;
}

interface Asking {
  readonly octokit: ProbotOctokit;
  readonly place: Place;
  readonly signal: AbortSignal;
  readonly forks: Config["github"]["forks"];
}

function placeOf(repository: string): Place | null {
  const [owner, repo, more] = repository.split("/");
  return owner && repo && more === undefined ? { owner, repo } : null;
}

async function resolve(asking: Asking, wish: CommitWish): Promise<Commit | Refusal> {
  if (wish.pr !== undefined) return await pullRequestHead(asking, wish, wish.pr);
  if (wish.sha !== undefined) return await commitAt(asking, wish, wish.sha, null);
  if (wish.ref !== undefined) return await commitAt(asking, wish, wish.ref, wish.ref);
  const { octokit, place, signal } = asking;
  const { data } = await octokit.rest.repos.get({ ...place, request: { signal, retries: 0 } });
  const branch = data.default_branch;
  return await commitAt(asking, wish, `heads/${branch}`, branch);
}

async function pullRequestHead(asking: Asking, wish: CommitWish, number: number): Promise<Commit | Refusal> {
  const { octokit, place, signal, forks } = asking;
  const { data } = await octokit.rest.pulls.get({
    ...place,
    pull_number: number,
    request: { signal, retries: 0 },
  });
  if (data.state !== "open") {
    return refuse(
      "pull_request_closed",
      t`Pull request ${number} of ${wish.repository} is ${data.merged ? "merged" : "closed"}.`,
      t`Name a commit or a branch: ${code("--sha")} or ${code("--ref")}.`,
    );
  }
  // A fork that was deleted since has no repository any more.
  const fromFork = data.head.repo?.full_name.toLowerCase() !== wish.repository.toLowerCase();
  if (fromFork && forks === "refuse") {
    return refuse(
      "fork_refused",
      t`Pull request ${number} comes from ${data.head.repo?.full_name ?? "a deleted fork"}, and forks are refused.`,
      t`Push the branch to ${wish.repository}, or set ${code("github.forks: allow")} in slipway.yml.`,
    );
  }
  const { sha, ref } = data.head;
  return { repository: wish.repository, sha, ref, pr: number, title: firstLine(data.title) };
}

async function commitAt(asking: Asking, wish: CommitWish, at: string, ref: string | null): Promise<Commit> {
  const { octokit, place, signal } = asking;
  const { data } = await octokit.rest.repos.getCommit({
    ...place,
    ref: at,
    request: { signal, retries: 0 },
  });
  return { repository: wish.repository, sha: data.sha, ref, pr: null, title: firstLine(data.commit.message) };
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}

function judge(error: unknown, wish: CommitWish, onFailure: (error: unknown) => void): Refusal {
  const status = z.object({ status: z.number() }).safeParse(error);
  // 409: an empty repository; 422: not a commit, or an ambiguous one.
  if (status.success && [404, 409, 422].includes(status.data.status)) return notFound(wish);
  onFailure(error);
  if (status.success && [401, 403].includes(status.data.status)) {
    return refuse(
      "github_refused",
      t`GitHub does not let this App see ${wish.repository}.`,
      t`Check that the App is installed there and may read its contents and pull requests.`,
    );
  }
  return refuse("github_unreachable", t`GitHub did not answer.`, t`Try again in a moment.`);
}

function notFound({ repository, pr, sha, ref }: CommitWish): Refusal {
  if (pr !== undefined) {
    return refuse(
      "pull_request_not_found",
      t`${repository} has no pull request ${pr} that this App can see.`,
    );
  }
  if (sha !== undefined) {
    return refuse(
      "commit_not_found",
      t`${repository} has no commit ${code(sha)}${sha.length < 40 ? ", or several that begin so" : ""}.`,
    );
  }
  if (ref !== undefined) {
    return refuse("ref_not_found", t`${repository} has no branch or tag ${code(ref)}.`);
  }
  return refuse(
    "github_refused",
    t`This App cannot see ${repository}.`,
    t`Check that it is installed there.`,
  );
}
