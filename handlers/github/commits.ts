import { type Probot, ProbotOctokit } from "probot";
import { code, t } from "../../commands/lib/text.ts";
import {
  type Commit,
  type CommitSource,
  type CommitWish,
  type Refusal,
  refuse,
} from "../../commands/services.ts";
import type { Config } from "../../src/config/index.ts";
import { answers, readAs } from "./answers.ts";
import { type Asking, placeOf } from "./asking.ts";
import { isNotThere, judge, notFound } from "./objections.ts";
import { isReachable } from "./reachable.ts";

/** How long one look-up of GitHub may take, in ms. */
const TIMEOUT_MS = 5_000;

export interface GitHubCommitsOptions {
  /** GitHub's API as the App's installation on this repository. */
  octokitFor(repository: string, signal: AbortSignal): Promise<ProbotOctokit>;
  config(): Config;
  onFailure(error: unknown): void;
  readonly timeoutMs?: number;
}

/** Its own retries and waits are off: a limit or a silence of GitHub is told at once, and whoever asked decides. */
export const PlainOctokit = ProbotOctokit.defaults((options: object) => ({
  ...options,
  throttle: { enabled: false },
  retry: { enabled: false },
}));

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
    const { id } = readAs(answers.installation, data);
    ids.set(repository, id);
    return await probot.auth(id);
  };
}

async function resolve(asking: Asking, wish: CommitWish): Promise<Commit | Refusal> {
  if (wish.pr !== undefined) return await pullRequestHead(asking, wish, wish.pr);
  if (wish.sha !== undefined) return await namedCommit(asking, wish, wish.sha);
  if (wish.ref !== undefined) return await headOf(asking, wish, wish.ref);
  const { octokit, place, signal } = asking;
  const { data } = await octokit.rest.repos.get({ ...place, request: { signal, retries: 0 } });
  const branch = readAs(answers.repository, data).default_branch;
  return await commitAt(asking, wish, `heads/${branch}`, branch);
}

async function pullRequestHead(asking: Asking, wish: CommitWish, number: number): Promise<Commit | Refusal> {
  const { octokit, place, signal, forks } = asking;
  const { data } = await octokit.rest.pulls.get({
    ...place,
    pull_number: number,
    request: { signal, retries: 0 },
  });
  const pull = readAs(answers.pullRequest, data);
  if (pull.state !== "open") {
    return refuse(
      "pull_request_closed",
      t`Pull request ${number} of ${wish.repository} is ${pull.merged ? "merged" : "closed"}.`,
      t`Name a commit or a branch: ${code("--sha")} or ${code("--ref")}.`,
    );
  }
  // A fork that was deleted since has no repository any more.
  const fromFork = pull.head.repo?.full_name.toLowerCase() !== wish.repository.toLowerCase();
  if (fromFork && forks === "refuse") {
    return refuse(
      "fork_refused",
      t`Pull request ${number} comes from ${pull.head.repo?.full_name ?? "a deleted fork"}, and forks are refused.`,
      t`Push the branch to ${wish.repository}, or set ${code("github.forks: allow")} in slipway.yml.`,
    );
  }
  const { sha, ref } = pull.head;
  return { repository: wish.repository, sha, ref, pr: number, title: firstLine(pull.title) };
}

/**
 * A repository's API serves the commits of all its forks too. Where forks are refused, one that is named by its
 * digits is proven to be in this repository; one that was proven before need only still exist.
 */
async function namedCommit(asking: Asking, wish: CommitWish, sha: string): Promise<Commit | Refusal> {
  const commit = await commitAt(asking, wish, sha, wish.ref ?? null);
  const isFree = wish.known === true || asking.forks === "allow";
  if (isFree || (await isReachable(asking, commit.sha))) return commit;
  return refuse(
    "commit_not_reachable",
    t`${code(sha.slice(0, 12))} is not known to be in ${wish.repository} itself: it is no branch's head, not in the default branch, and in no open pull request from there; and forks are refused.`,
    t`Name the branch or the tag instead (${code("--ref")}), or set ${code("github.forks: allow")} in slipway.yml.`,
  );
}

const OF_A_PULL_REQUEST = /^(?:refs\/)?pull\/(\d+)\//;

/** Of a branch, else of a tag; each asked for as what it is, so that digits or `pull/7/head` are neither. */
async function headOf(asking: Asking, wish: CommitWish, written: string): Promise<Commit | Refusal> {
  const ofPullRequest = OF_A_PULL_REQUEST.exec(written)?.[1];
  if (ofPullRequest !== undefined) {
    return refuse(
      "ref_not_found",
      t`${code(written)} is no branch or tag, but what GitHub calls pull request ${ofPullRequest}.`,
      t`${code(`--pr ${ofPullRequest}`)} names its head.`,
    );
  }
  const short = written.replace(/^refs\/(?=heads\/|tags\/)/, "");
  if (/^(?:heads|tags)\//.test(short)) {
    const found = await commitIfThere(asking, wish, short, written);
    if (found) return found;
  }
  return (
    (await commitIfThere(asking, wish, `heads/${written}`, written)) ??
    (await commitIfThere(asking, wish, `tags/${written}`, written)) ??
    notFound(wish)
  );
}

async function commitIfThere(
  asking: Asking,
  wish: CommitWish,
  at: string,
  ref: string,
): Promise<Commit | null> {
  try {
    return await commitAt(asking, wish, at, ref);
  } catch (error) {
    if (isNotThere(error)) return null;
    throw error;
  }
}

async function commitAt(asking: Asking, wish: CommitWish, at: string, ref: string | null): Promise<Commit> {
  const { octokit, place, signal } = asking;
  const { data } = await octokit.rest.repos.getCommit({
    ...place,
    ref: at,
    request: { signal, retries: 0 },
  });
  const { sha, commit } = readAs(answers.commit, data);
  return { repository: wish.repository, sha, ref, pr: null, title: firstLine(commit.message) };
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
