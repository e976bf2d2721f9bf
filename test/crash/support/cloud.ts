import { z } from "zod";
import { cloudState, controlUrl } from "../../../sandbox/client.ts";
import type { Yard } from "./yard.ts";

const call = z.object({
  at: z.string(),
  action: z.string(),
  parameters: z.unknown(),
  status: z.number(),
  /** AWS's error code. */
  code: z.string().optional(),
  fault: z.string().optional(),
});
export type AwsCall = z.infer<typeof call>;

const launched = z.object({ id: z.string(), pending: z.string(), terminated: z.string().nullable() });
export type Launched = z.infer<typeof launched>;

const counted = ["instances", "rules", "targets", "draining", "volumes", "jobs", "ports"] as const;
const state = z.object(
  Object.fromEntries(counted.map((name) => [name, z.array(z.unknown())])) as Record<
    (typeof counted)[number],
    z.ZodArray<z.ZodUnknown>
  >,
);

/** Everything that is left in the account but for some instances, in words; nothing: all is undone. */
export async function leftInCloud(yard: Yard, standing: readonly string[] = []): Promise<string[]> {
  const left = state.parse(await cloudState(yard.json));
  return counted
    .flatMap((name) => left[name].map((one) => `${name}: ${JSON.stringify(one)}`))
    .filter((thing) => !standing.some((id) => thing.includes(id)));
}

/** Calls to AWS since a time, ms since 1970. */
export async function awsCalls(yard: Yard, since: number): Promise<AwsCall[]> {
  return z.array(call).parse(await get(yard, `calls?since=${new Date(since).toISOString()}`));
}

/** Every instance that was ever launched since a time, whether it lives or not. */
export async function launchedSince(yard: Yard, since: number): Promise<Launched[]> {
  const path = await get(yard, `critical-path?since=${new Date(since).toISOString()}`);
  return z.object({ instances: z.array(launched) }).parse(path).instances;
}

/** Requests that AWS's own shapes forbid. */
export async function violations(yard: Yard): Promise<unknown[]> {
  return z.array(z.unknown()).parse(await get(yard, "violations"));
}

/** The machine answers nothing any more. */
export async function freeze(yard: Yard, id: string): Promise<void> {
  const body = JSON.stringify({ id, change: "freeze" });
  const answer = await fetch(controlUrl(yard.json, "aws", "instance"), { method: "POST", body });
  if (!answer.ok) throw new Error(`${id} was not frozen: ${await answer.text()}`);
}

/** Ends and forgets everything, so that a case that went wrong does not spoil the next. */
export async function resetCloud(yard: Yard): Promise<void> {
  await fetch(controlUrl(yard.json, "aws", "reset"), { method: "POST" }).then((answer) => answer.text());
}

async function get(yard: Yard, path: string): Promise<unknown> {
  const answer = await fetch(controlUrl(yard.json, "aws", path));
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}
