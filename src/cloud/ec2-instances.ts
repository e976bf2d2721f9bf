import {
  DescribeInstancesCommand,
  type Filter,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { z } from "zod";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import { AwsFault, unreadableAnswer } from "./errors.ts";
import { INSTANCE_STATES, type Instance, type InstanceState, instanceSchema } from "./instance.ts";
import { type LaunchRequest, toRunInstances } from "./launch-request.ts";
import { allPages, chunks, parseAnswer } from "./parse.ts";

/** AWS allows 200 values in one filter: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html */
const IDS_PER_FILTER = 200;
const PAGE = 1000;

const nextToken = z
  .string()
  .optional()
  .transform((token) => token || undefined);

/** `Reservations` must be there, be it empty: an answer without it would read as "all instances are gone". */
const describeSchema = z.object({
  Reservations: z.array(z.object({ Instances: z.array(instanceSchema).optional() })),
  NextToken: nextToken,
});

/**
 * All instances that match the filters, terminated ones included, page by page. Filters with MaxResults are
 * used even for ids: they answer an unknown id with nothing instead of `InvalidInstanceID.NotFound`, which
 * soon after a launch would be no answer, and they stay out of AWS's small bucket for unpaginated calls.
 */
export async function describeInstances(
  clients: ClientSet,
  filters: Filter[],
  options: CallOptions,
): Promise<Instance[]> {
  const action = "ec2:DescribeInstances";
  const facts = clients.caller.facts(action);
  return await allPages(facts, async (token) => {
    const command = new DescribeInstancesCommand({ Filters: filters, MaxResults: PAGE, NextToken: token });
    const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
    const answer = await clients.caller.call(action, send, options).catch(notShown);
    const page = parseAnswer(describeSchema, answer, facts);
    return { items: page.Reservations.flatMap((one) => one.Instances ?? []), next: page.NextToken };
  });
}

/** A filter that matches nothing is no error; should AWS call it one all the same, it says no more than that. */
function notShown(error: unknown): { Reservations: [] } {
  if (error instanceof AwsFault && error.kind === "not_found") return { Reservations: [] };
  throw error;
}

/** The instances among `ids` that AWS shows; unknown ones are simply missing. No id, no call. */
export async function findInstances(
  clients: ClientSet,
  ids: readonly string[],
  options: CallOptions,
): Promise<Map<string, Instance>> {
  const found = new Map<string, Instance>();
  for (const some of chunks([...new Set(ids)], IDS_PER_FILTER)) {
    const filters = [{ Name: "instance-id", Values: some }];
    for (const instance of await describeInstances(clients, filters, options))
      found.set(instance.id, instance);
  }
  return found;
}

const runSchema = z.object({ Instances: z.array(instanceSchema).length(1, "not exactly one instance") });

/**
 * Launches, in one attempt. After any fault that is not `definite` the caller repeats the identical request
 * (AWS then answers with the same instance) or looks by token and tags.
 *
 * @throws AwsFault; SlipwayError `user_data_changed`; the signal's reason, with the effect unknown.
 */
export async function runInstance(
  clients: ClientSet,
  request: LaunchRequest,
  userData: string,
  options: CallOptions,
): Promise<Instance> {
  const action = "ec2:RunInstances";
  const command = new RunInstancesCommand(toRunInstances(request, userData));
  const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
  const answer = await clients.caller.call(action, send, options);
  const [instance] = parseAnswer(runSchema, answer, clients.caller.facts(action)).Instances;
  if (!instance) throw unreadableAnswer(clients.caller.facts(action), "no instance is in it");
  return instance;
}

const terminateSchema = z.object({
  TerminatingInstances: z.array(
    z.object({
      InstanceId: z.string(),
      CurrentState: z.object({ Name: z.enum(INSTANCE_STATES).optional().catch(undefined) }).optional(),
    }),
  ),
});

export type TerminateAnswer =
  | { readonly kind: "terminating"; readonly state: InstanceState | undefined }
  /**
   * AWS does not know the id. Not proof that it is gone: soon after a launch this happens to living
   * instances.
   */
  | { readonly kind: "unknown" };

/** Asks AWS to terminate; harmless to repeat. The answer says that it will, not that it has. */
export async function terminate(
  clients: ClientSet,
  id: string,
  options: CallOptions,
): Promise<TerminateAnswer> {
  const action = "ec2:TerminateInstances";
  const command = new TerminateInstancesCommand({ InstanceIds: [id] });
  const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
  try {
    const answer = await clients.caller.call(action, send, options);
    const { TerminatingInstances } = parseAnswer(terminateSchema, answer, clients.caller.facts(action));
    const change = TerminatingInstances.find((one) => one.InstanceId === id);
    if (!change) throw unreadableAnswer(clients.caller.facts(action), `the instance ${id} is not in it`);
    return { kind: "terminating", state: change.CurrentState?.Name };
  } catch (error) {
    if (error instanceof AwsFault && error.kind === "not_found") return { kind: "unknown" };
    throw error;
  }
}
