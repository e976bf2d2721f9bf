import type {
  DescribeInstanceStatusRequest,
  DescribeInstanceStatusResult,
  DescribeInstancesRequest,
  DescribeInstancesResult,
  InstanceStateChange,
  InstanceStatusDetails,
  StartInstancesRequest,
  StartInstancesResult,
  StopInstancesRequest,
  StopInstancesResult,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from "@aws-sdk/client-ec2";
import { type Instance, type InstanceStateName, STATE_CODES } from "../../state/instance.ts";
import type { Region } from "../../state/region.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { pageOf } from "../pages.ts";
import { dryRun, instancesNotFound, malformedInstance, missingParameter } from "./errors.ts";
import { type FilterValues, filtered } from "./filters.ts";
import { groupIdentifiers, instanceDescription } from "./instance-description.ts";

const FEWEST_RESULTS = 5;
const MOST_RESULTS = 1000;

function instanceFilters(now: number): FilterValues<Instance> {
  const shown = (one: Instance): InstanceStateName => one.describedState(now);
  const whileThere = (one: Instance, value: string): string | undefined =>
    shown(one) === "terminated" ? undefined : value;
  return {
    "instance-id": ({ facts }) => [facts.instanceId],
    "client-token": ({ facts }) => [facts.clientToken],
    "instance-state-name": (one) => [shown(one)],
    "instance-state-code": (one) => [String(STATE_CODES[shown(one)])],
    "instance-type": ({ facts }) => [facts.instanceType],
    "image-id": ({ facts }) => [facts.image.id],
    "key-name": ({ facts }) => [facts.keyName],
    "availability-zone": ({ facts }) => [facts.zone],
    "reservation-id": ({ facts }) => [facts.reservationId],
    "subnet-id": (one) => [whileThere(one, one.facts.subnetId)],
    "vpc-id": (one) => [whileThere(one, one.facts.vpcId)],
    "ip-address": (one) => [shown(one) === "running" ? one.facts.address : undefined],
    "private-ip-address": (one) => [whileThere(one, one.facts.address)],
    "instance.group-id": (one) => one.facts.groupIds.map((id) => whileThere(one, id)),
    "root-device-type": () => ["ebs"],
    architecture: ({ facts }) => [facts.image.architecture],
  };
}

export const describeInstances: Action<DescribeInstancesRequest, DescribeInstancesResult> = (
  input,
  { region, now },
) => {
  refusePagingOfIds(input.InstanceIds, input.MaxResults);
  const chosen = chosenInstances(input.InstanceIds, region, now);
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen, input.Filters, instanceFilters(now));
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  const byReservation = Map.groupBy(page.items, ({ facts }) => facts.reservationId);
  return {
    Reservations: [...byReservation].map(([id, instances]) => ({
      ReservationId: id,
      OwnerId: region.accountId,
      Groups: instances[0] ? groupIdentifiers(instances[0], region) : [],
      Instances: instances.map((instance) => instanceDescription(instance, region, now)),
    })),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

function refusePagingOfIds(ids: readonly string[] | undefined, limit: number | undefined): void {
  if (limit === undefined) return;
  if (ids !== undefined) {
    throw new AwsError(
      "InvalidParameterCombination",
      "The parameter instancesSet cannot be used with the parameter maxResults",
    );
  }
  if (limit < FEWEST_RESULTS || limit > MOST_RESULTS) {
    throw new AwsError(
      "InvalidParameterValue",
      `Value ( ${limit} ) for parameter maxResults is invalid. Expecting a value between ${FEWEST_RESULTS} and ` +
        `${MOST_RESULTS}.`,
    );
  }
}

/** By id: what is not (or not yet) visible is an error. Without ids: it is left out. */
function chosenInstances(ids: readonly string[] | undefined, region: Region, now: number): Instance[] {
  const visible = (one: Instance | undefined): one is Instance => one !== undefined && one.visibleFrom <= now;
  if (ids === undefined) return [...region.instances.values()].filter(visible);
  for (const id of ids) if (!/^i-[0-9a-f]{8,17}$/.test(id)) throw malformedInstance(id);
  const unknown = ids.filter((id) => !visible(region.instances.get(id)));
  if (unknown.length > 0) throw instancesNotFound(unknown);
  return [...new Set(ids)].map((id) => region.instances.get(id)).filter(visible);
}

export const describeInstanceStatus: Action<DescribeInstanceStatusRequest, DescribeInstanceStatusResult> = (
  input,
  { region, now },
) => {
  refusePagingOfIds(input.InstanceIds, input.MaxResults);
  const chosen = chosenInstances(input.InstanceIds, region, now);
  if (input.DryRun) throw dryRun();
  const running = input.IncludeAllInstances
    ? chosen
    : chosen.filter((one) => one.describedState(now) === "running");
  const found = filtered(running, input.Filters, instanceFilters(now));
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    InstanceStatuses: page.items.map((one) => statusOf(one, now)),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

function statusOf(
  one: Instance,
  now: number,
): NonNullable<DescribeInstanceStatusResult["InstanceStatuses"]>[number] {
  const state = one.describedState(now);
  const status = state !== "running" ? "not-applicable" : one.timeline.sshReady ? "ok" : "initializing";
  const reached = status === "ok" ? "passed" : "initializing";
  const Details: InstanceStatusDetails[] =
    status === "not-applicable" ? [] : [{ Name: "reachability", Status: reached }];
  return {
    InstanceId: one.facts.instanceId,
    AvailabilityZone: one.facts.zone,
    InstanceState: { Code: STATE_CODES[state], Name: state },
    InstanceStatus: { Status: status, Details },
    SystemStatus: { Status: status, Details },
  };
}

export const terminateInstances: Action<TerminateInstancesRequest, TerminateInstancesResult> = (
  input,
  { region, now },
) => {
  const chosen = named(input.InstanceIds, region, now);
  const guarded = chosen.find(({ facts }) => facts.disableApiTermination);
  if (guarded) {
    throw new AwsError(
      "OperationNotPermitted",
      `The instance '${guarded.facts.instanceId}' may not be terminated. Modify its 'disableApiTermination' ` +
        "instance attribute and try again.",
    );
  }
  if (input.DryRun) throw dryRun();
  return { TerminatingInstances: chosen.map((one) => changed(one, () => void one.terminate("user"))) };
};

export const stopInstances: Action<StopInstancesRequest, StopInstancesResult> = (input, { region, now }) => {
  const chosen = named(input.InstanceIds, region, now);
  refuseState(chosen, ["terminated", "shutting-down"], "stopped");
  if (input.DryRun) throw dryRun();
  return { StoppingInstances: chosen.map((one) => changed(one, () => one.stop("user"))) };
};

export const startInstances: Action<StartInstancesRequest, StartInstancesResult> = (
  input,
  { region, now },
) => {
  const chosen = named(input.InstanceIds, region, now);
  refuseState(chosen, ["terminated", "shutting-down", "stopping"], "started");
  if (input.DryRun) throw dryRun();
  return {
    StartingInstances: chosen.map((one) =>
      changed(one, () => {
        if (one.state === "stopped") one.start();
      }),
    ),
  };
};

function named(ids: readonly string[] | undefined, region: Region, now: number): Instance[] {
  if (ids === undefined || ids.length === 0) throw missingParameter("InstanceId");
  return chosenInstances(ids, region, now);
}

function refuseState(chosen: readonly Instance[], states: readonly InstanceStateName[], verb: string): void {
  const wrong = chosen.find(({ state }) => states.includes(state));
  if (wrong) {
    throw new AwsError(
      "IncorrectInstanceState",
      `The instance '${wrong.facts.instanceId}' is not in a state from which it can be ${verb}.`,
    );
  }
}

function changed(one: Instance, change: () => void): InstanceStateChange {
  const before = one.state;
  change();
  return {
    InstanceId: one.facts.instanceId,
    PreviousState: { Code: STATE_CODES[before], Name: before },
    CurrentState: { Code: STATE_CODES[one.state], Name: one.state },
  };
}
