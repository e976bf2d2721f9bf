import { z } from "zod";
import type { Answer } from "../front/forward.ts";
import type { Ask } from "./commit-routes.ts";

const ROUTE = /^\/repos\/[^/]+\/[^/]+\/pulls\/\d+$/;

const pull = z.looseObject({
  state: z.string(),
  head: z.looseObject({ ref: z.string(), sha: z.string(), repo: z.looseObject({ full_name: z.string() }) }),
});
const branch = z.looseObject({ object: z.looseObject({ sha: z.string() }) });

/** An open pull request is at its branch's head, on GitHub; `emulate` leaves it where it was when it was opened. */
export async function withCurrentHead(
  method: string,
  path: string,
  answer: Answer,
  ask: Ask,
): Promise<Answer> {
  if (method !== "GET" || answer.status !== 200 || !ROUTE.test(path)) return answer;
  const text = answer.body.toString("utf8");
  const { state, head } = pull.parse(JSON.parse(text));
  if (state !== "open") return answer;
  const ref = await ask(`/repos/${head.repo.full_name}/git/ref/heads/${head.ref}`);
  if (ref.status !== 200) return answer;
  const { sha } = branch.parse(JSON.parse(ref.body.toString("utf8"))).object;
  return { ...answer, body: Buffer.from(text.replaceAll(head.sha, sha)) };
}
