import { z } from "zod";
import { code, t, time } from "../../commands/lib/text.ts";
import { type CommitWish, type Refusal, refuse } from "../../commands/services.ts";
import { codeOf } from "../../src/util/errors.ts";

/** What Octokit throws when GitHub has answered. */
const objection = z.object({
  status: z.number(),
  message: z.string(),
  response: z.object({ headers: z.record(z.string(), z.unknown()) }).optional(),
});
type Objection = z.infer<typeof objection>;

/** GitHub asks for a minute where it does not say how long: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const LIMITED_FOR_MS = 60_000;

/** 409: an empty repository; 422: not a commit, or an ambiguous one. */
export function isNotThere(error: unknown): boolean {
  const read = objection.safeParse(error);
  return read.success && [404, 409, 422].includes(read.data.status);
}

/** What a look-up's failure means for the person; a failure that is not the person's is told to `onFailure` too. */
export function judge(error: unknown, wish: CommitWish, onFailure: (error: unknown) => void): Refusal {
  if (isNotThere(error)) return notFound(wish);
  onFailure(error);
  const read = objection.safeParse(error);
  const limited = read.success ? limitedUntil(read.data, Date.now()) : null;
  if (limited !== null) {
    const refusal = refuse(
      "github_rate_limited",
      t`GitHub limits how often this App may ask, until ${time(limited)}.`,
      t`Try again then.`,
    );
    return { ...refusal, retryAt: limited };
  }
  if (read.success && [401, 403].includes(read.data.status)) {
    return refuse(
      "github_refused",
      t`GitHub does not let this App see ${wish.repository}.`,
      t`Check that the App is installed there and may read its contents and pull requests.`,
    );
  }
  const what =
    codeOf(error) === "github_unreadable"
      ? t`GitHub answered something that is not as it documents.`
      : t`GitHub did not answer.`;
  return refuse("github_unreachable", what, t`Try again in a moment.`);
}

/** Until when GitHub limits, ms since 1970; null: that is not why it refused. */
function limitedUntil({ status, message, response }: Objection, now: number): number | null {
  const header = (name: string) => {
    const value = response?.headers[name];
    return value === undefined || value === "" ? null : Number(value);
  };
  const retryAfter = header("retry-after");
  const isSpent = header("x-ratelimit-remaining") === 0;
  const isLimit =
    status === 429 || (status === 403 && (retryAfter !== null || isSpent || /rate limit/i.test(message)));
  if (!isLimit) return null;
  if (retryAfter !== null && Number.isFinite(retryAfter)) return now + Math.max(1, retryAfter) * 1_000;
  const reset = header("x-ratelimit-reset");
  if (isSpent && reset !== null && Number.isFinite(reset)) return Math.max(reset * 1_000, now + 1_000);
  return now + LIMITED_FOR_MS;
}

export function notFound({ repository, pr, sha, ref }: CommitWish): Refusal {
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
    const isDigits = /^[0-9a-f]{7,40}$/.test(ref);
    return refuse(
      "ref_not_found",
      t`${repository} has no branch or tag ${code(ref)}.`,
      isDigits ? t`A commit is named with ${code(`--sha ${ref}`)}.` : null,
    );
  }
  return refuse(
    "github_refused",
    t`This App cannot see ${repository}.`,
    t`Check that it is installed there.`,
  );
}
