import { z } from "zod";
import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";

const ROUTE = /^\/repos\/([^/]+)\/([^/]+)\/commits\/([0-9a-f]{40})\/(branches-where-head|pulls)$/;

const branches = z.array(
  z.looseObject({ name: z.string(), commit: z.looseObject({ sha: z.string() }), protected: z.boolean() }),
);
const pulls = z.array(
  z.looseObject({
    number: z.number(),
    state: z.string(),
    merged_at: z.string().nullish(),
    base: z.looseObject({ sha: z.string() }),
    head: z.looseObject({ ref: z.string(), sha: z.string() }),
  }),
);
const comparison = z.looseObject({ commits: z.array(z.looseObject({ sha: z.string() })) });

/** Asks the emulated GitHub with the headers of the request that is answered. */
export type Ask = (path: string) => Promise<Answer>;

/**
 * What `emulate` does not have of a commit's routes, made of those that it has: the branches of which it is the head,
 * and the merged and open pull requests that it is in.
 * https://docs.github.com/en/rest/commits/commits
 */
export async function commitRoute(method: string, path: string, ask: Ask): Promise<Answer | undefined> {
  const [, owner, repo, sha = "", what] = ROUTE.exec(path) ?? [];
  if (method !== "GET" || what === undefined) return undefined;
  const repository = `/repos/${owner}/${repo}`;
  const commit = await ask(`${repository}/commits/${sha}`);
  if (commit.status !== 200) {
    return commit.status === 404
      ? jsonAnswer(422, { message: `No commit found for SHA: ${sha}`, status: "422" })
      : commit;
  }
  if (what === "branches-where-head") {
    const all = branches.parse(read(await ask(`${repository}/branches?per_page=100`)));
    const heads = all.filter((branch) => branch.commit.sha === sha);
    return list(
      heads.map(({ name, commit, protected: isProtected }) => ({ name, commit, protected: isProtected })),
    );
  }
  const all = pulls.parse(read(await ask(`${repository}/pulls?state=all&per_page=100`)));
  const shown = all.filter(({ state, merged_at }) => state === "open" || typeof merged_at === "string");
  const found = [];
  for (const pull of shown) {
    // `emulate` lists an open one's commits as they were when it was opened.
    const head = pull.state === "open" ? pull.head.ref : pull.head.sha;
    const answer = await ask(`${repository}/compare/${pull.base.sha}...${head}`);
    const own = answer.status === 200 ? comparison.parse(read(answer)).commits : [];
    if (own.some((one) => one.sha === sha)) found.push(pull);
  }
  return list(found);
}

function read({ status, body }: Answer): unknown {
  if (status !== 200) throw new Error(`Emulated GitHub answered ${status}: ${body.toString("utf8")}`);
  return JSON.parse(body.toString("utf8"));
}

function list(items: readonly object[]): Answer {
  return jsonAnswer(200, [...items]);
}
