import type { ProbotOctokit } from "probot";
import type { Config } from "../../src/config/index.ts";

export interface Place {
  readonly owner: string;
  readonly repo: string;
}

/** One look-up: of which repository, as whom, and within which time. */
export interface Asking {
  readonly octokit: ProbotOctokit;
  readonly place: Place;
  readonly signal: AbortSignal;
  readonly forks: Config["github"]["forks"];
}

export function placeOf(repository: string): Place | null {
  const [owner, repo, more] = repository.split("/");
  return owner && repo && more === undefined ? { owner, repo } : null;
}
