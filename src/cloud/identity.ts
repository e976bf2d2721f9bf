import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { z } from "zod";
import type { CallOptions } from "./call.ts";
import type { Clients } from "./clients.ts";
import { parseAnswer } from "./parse.ts";

/** Whom AWS takes the bot for. */
export interface CallerIdentity {
  readonly account: string;
  /** E.g. `arn:aws:sts::123456789012:assumed-role/slipway/i-0abc`. */
  readonly arn: string;
  readonly userId: string;
}

const schema = z.object({ Account: z.string().min(1), Arn: z.string().min(1), UserId: z.string().min(1) });

/** Needs no permission, only valid credentials. @throws AwsFault */
export async function callerIdentity(
  clients: Clients,
  region: string,
  options: CallOptions = {},
): Promise<CallerIdentity> {
  const { sts, caller } = clients.identity(region);
  const action = "sts:GetCallerIdentity";
  const send = (abortSignal: AbortSignal) => sts.send(new GetCallerIdentityCommand({}), { abortSignal });
  const answer = parseAnswer(schema, await caller.call(action, send, options), caller.facts(action));
  return { account: answer.Account, arn: answer.Arn, userId: answer.UserId };
}
