import type { SlotConfig } from "../../src/config/index.ts";
import { type CommandContext, type Commit, type CommitWish, type Refusal, refuse } from "../services.ts";
import { code, join, type Text, t } from "./text.ts";
import type { PullRequest } from "./values.ts";

export interface CommitOptions {
  readonly sha: string | undefined;
  readonly ref: string | undefined;
  readonly pr: PullRequest | undefined;
}

/** How a commit was named: what must still be so when it is read again. */
export type Naming = "pr" | "ref" | "sha" | "default";

/** What a run is pinned to. `sha` null: the code that the image brings along; `repository` null: nobody looked. */
export type PinnedCommit =
  | (Pick<Commit, "sha" | "ref" | "pr" | "title"> & {
      readonly repository: string | null;
      readonly named: Naming;
    })
  | NoCommit;
interface NoCommit {
  readonly sha: null;
  readonly ref: null;
  readonly pr: null;
  readonly title: null;
  readonly repository: null;
  readonly named: "default";
}

const AS_THE_IMAGE_HAS_IT: NoCommit = {
  sha: null,
  ref: null,
  pr: null,
  title: null,
  repository: null,
  named: "default",
};

/** Refuses more than one way of naming the commit. */
export function checkCommitOptions(options: CommitOptions): Refusal | null {
  const given = (["sha", "ref", "pr"] as const).filter((name) => options[name] !== undefined);
  if (given.length < 2) return null;
  const names = join(
    given.map((name) => t`${code(`--${name}`)}`),
    " and ",
  );
  return refuse("conflicting_options", t`${names} each name a commit.`, t`Give one of them.`);
}

/** The commit is pinned here, when the command is read; the run reads it again before anything is created for it. */
export async function pinCommit(
  context: CommandContext,
  slots: readonly SlotConfig[],
  options: CommitOptions,
): Promise<PinnedCommit | Refusal> {
  const { commits } = context.services;
  if (commits === null) return withoutGitHub(options);
  const repository = chooseRepository(context, slots, options.pr?.repository ?? null);
  if (repository === null) return AS_THE_IMAGE_HAS_IT;
  if (typeof repository !== "string") return repository;
  const wish: CommitWish = { repository, sha: options.sha, ref: options.ref, pr: options.pr?.number };
  const found = await commits.resolve(wish);
  return "refused" in found ? found : { ...found, named: namingOf(options) };
}

function namingOf({ pr, sha, ref }: CommitOptions): Naming {
  return pr !== undefined ? "pr" : sha !== undefined ? "sha" : ref !== undefined ? "ref" : "default";
}

function withoutGitHub({ sha, ref, pr }: CommitOptions): PinnedCommit | Refusal {
  if (sha?.length === 40)
    return { sha, ref: null, pr: null, title: sha.slice(0, 7), repository: null, named: "sha" };
  if (sha === undefined && ref === undefined && pr === undefined) return AS_THE_IMAGE_HAS_IT;
  return refuseWithoutGitHub(
    pr !== undefined
      ? t`${code("--pr")}`
      : ref !== undefined
        ? t`${code("--ref")}`
        : t`A short ${code("--sha")}`,
  );
}

export function refuseWithoutGitHub(what: Text): Refusal {
  return refuse(
    "github_not_configured",
    t`${what} cannot be looked up: GitHub is not set up for this bot.`,
    t`Give the whole commit with ${code("--sha")} (40 digits), or set APP_ID and PRIVATE_KEY (see the README).`,
  );
}

/** The repositories that every one of the slots may run; the first is meant when none is named. */
function chooseRepository(
  context: CommandContext,
  slots: readonly SlotConfig[],
  named: string | null,
): string | null | Refusal {
  const known = context.services.config().config.github.repositories;
  const [first = [], ...others] = slots.map(({ repositories }) =>
    repositories.length > 0 ? repositories : known,
  );
  const allowed = first.filter((repository) => others.every((list) => list.includes(repository)));
  const wanted = named ?? context.origin.repository;
  if (wanted === undefined) return allowed[0] ?? first[0] ?? null;
  const found = allowed.find((repository) => repository.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return found;
  return refuse(
    "repository_not_allowed",
    t`${code(wanted)} is not a repository that may run there.`,
    t`Allowed: ${allowed.join(", ") || "none"}.`,
  );
}
