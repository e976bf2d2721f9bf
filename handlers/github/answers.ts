import { z } from "zod";
import { SlipwayError } from "../../src/util/errors.ts";

const sha = z.string().regex(/^[0-9a-f]{40}$/);

/** What is used of GitHub's answers, as its documentation has them: https://docs.github.com/en/rest */
export const answers = {
  installation: z.object({ id: z.number().int() }),
  repository: z.object({ default_branch: z.string().min(1) }),
  commit: z.object({ sha, commit: z.object({ message: z.string() }) }),
  pullRequest: z.object({
    state: z.enum(["open", "closed"]),
    merged: z.boolean(),
    title: z.string(),
    head: z.object({
      sha,
      ref: z.string(),
      repo: z.object({ full_name: z.string() }).nullable(),
    }),
  }),
  branches: z.array(z.object({ name: z.string() })),
  comparison: z.object({ status: z.enum(["diverged", "ahead", "behind", "identical"]) }),
  pullRequests: z.array(
    z.object({
      state: z.enum(["open", "closed"]),
      head: z.object({ repo: z.object({ full_name: z.string() }).nullable() }),
    }),
  ),
};

/** @throws SlipwayError `github_unreadable` when it is not what GitHub documents */
export function readAs<T>(schema: z.ZodType<T>, data: unknown): T {
  const read = schema.safeParse(data);
  if (read.success) return read.data;
  throw new SlipwayError("github_unreadable", `GitHub's answer is not as documented: ${read.error.message}`);
}
