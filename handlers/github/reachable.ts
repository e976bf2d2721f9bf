import { answers, readAs } from "./answers.ts";
import type { Asking } from "./asking.ts";
import { isNotThere } from "./objections.ts";

/**
 * Whether a commit lies in this repository itself and not merely in a fork of it: it is a branch's head, in the
 * history of the default branch, or in an open pull request whose branch is here. Each of the three needs the right
 * to write here to bring about. A commit in the middle of another branch is not recognised: its branch can be named.
 */
export async function isReachable(asking: Asking, sha: string): Promise<boolean> {
  return (
    (await isHead(asking, sha)) ||
    (await isInDefaultBranch(asking, sha)) ||
    (await isInOwnPullRequest(asking, sha))
  );
}

/** https://docs.github.com/en/rest/commits/commits#list-branches-for-head-commit */
async function isHead({ octokit, place, signal }: Asking, sha: string): Promise<boolean> {
  const request = { signal, retries: 0 };
  const { data } = await octokit.rest.repos.listBranchesForHeadCommit({ ...place, commit_sha: sha, request });
  return readAs(answers.branches, data).length > 0;
}

/** https://docs.github.com/en/rest/commits/commits#compare-two-commits */
async function isInDefaultBranch({ octokit, place, signal }: Asking, sha: string): Promise<boolean> {
  const request = { signal, retries: 0 };
  const { data: repository } = await octokit.rest.repos.get({ ...place, request });
  const branch = readAs(answers.repository, repository).default_branch;
  try {
    const basehead = `${branch}...${sha}`;
    const { data } = await octokit.rest.repos.compareCommitsWithBasehead({
      ...place,
      basehead,
      per_page: 1,
      request,
    });
    return ["behind", "identical"].includes(readAs(answers.comparison, data).status);
  } catch (error) {
    // No common ancestor.
    if (isNotThere(error)) return false;
    throw error;
  }
}

/** https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit */
async function isInOwnPullRequest({ octokit, place, signal }: Asking, sha: string): Promise<boolean> {
  const request = { signal, retries: 0 };
  const { data } = await octokit.rest.repos.listPullRequestsAssociatedWithCommit({
    ...place,
    commit_sha: sha,
    request,
  });
  const here = `${place.owner}/${place.repo}`.toLowerCase();
  return readAs(answers.pullRequests, data).some(
    ({ state, head }) => state === "open" && head.repo?.full_name.toLowerCase() === here,
  );
}
