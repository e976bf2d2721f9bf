import type {
  DeregisterTargetsInput,
  DeregisterTargetsOutput,
  DescribeTargetHealthInput,
  DescribeTargetHealthOutput,
  RegisterTargetsInput,
  RegisterTargetsOutput,
  TargetDescription,
  TargetHealth,
  TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Region } from "../../state/region.ts";
import type { Registration } from "../../state/registration.ts";
import type { TargetGroup } from "../../state/target-group.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { groupOf } from "./errors.ts";

const HIGHEST_PORT = 65_535;

/**
 * "If the target is an EC2 instance, it must be in the running state when you register it" (RegisterTargets).
 */
export const registerTargets: Action<RegisterTargetsInput, RegisterTargetsOutput> = (
  input,
  { region, now },
) => {
  const group = groupOf(region, input.TargetGroupArn);
  const targets = (input.Targets ?? []).map((target) => checkedTarget(target, group, region, now));
  for (const { id, address, port } of targets) group.register(id, address, port);
  return {};
};

function checkedTarget(
  target: TargetDescription,
  group: TargetGroup,
  region: Region,
  now: number,
): { id: string; address: string; port: number } {
  const { Id: id = "", Port: port = group.port } = target;
  checkIdForm(id);
  if (port < 1 || port > HIGHEST_PORT) {
    throw new AwsError("ValidationError", `Target port '${port}' must be between 1 and ${HIGHEST_PORT}`);
  }
  const instance = region.instances.get(id);
  if (!instance || instance.visibleFrom > now) {
    throw new AwsError("InvalidTarget", `The following targets do not exist: '${id}'`);
  }
  if (instance.state !== "running") {
    throw new AwsError(
      "InvalidTarget",
      `The following targets are not in a running state and cannot be registered: '${id}'`,
    );
  }
  if (instance.facts.vpcId !== group.vpcId) {
    throw new AwsError(
      "InvalidTarget",
      `The following targets are not in the same VPC as the target group: '${id}'`,
    );
  }
  return { id, address: instance.facts.address, port };
}

function checkIdForm(id: string): void {
  if (!/^i-[0-9a-f]{8,17}$/.test(id)) {
    throw new AwsError("ValidationError", `Instance ID '${id}' is not valid`);
  }
}

/** What is not registered is no error, as the API reference of DeregisterTargets notes. */
export const deregisterTargets: Action<DeregisterTargetsInput, DeregisterTargetsOutput> = (
  input,
  { region },
) => {
  const group = groupOf(region, input.TargetGroupArn);
  for (const { Id = "" } of input.Targets ?? []) checkIdForm(Id);
  for (const { Id = "", Port } of input.Targets ?? []) group.deregister(Id, Port);
  return {};
};

export const describeTargetHealth: Action<DescribeTargetHealthInput, DescribeTargetHealthOutput> = (
  input,
  { region },
) => {
  const group = groupOf(region, input.TargetGroupArn);
  if (!input.Targets || input.Targets.length === 0) {
    const all = [...group.registered(), ...group.draining()];
    return { TargetHealthDescriptions: all.map(described) };
  }
  return { TargetHealthDescriptions: input.Targets.flatMap((target) => asked(target, group)) };
};

/** A target that was asked for by name is always answered, as `unused` when it is not there. */
function asked(target: TargetDescription, group: TargetGroup): TargetHealthDescription[] {
  const { Id: id = "", Port: port } = target;
  checkIdForm(id);
  const found =
    port === undefined
      ? [...group.registered(), ...group.draining()].filter(({ instanceId }) => instanceId === id)
      : [group.find(id, port)].filter((one) => one !== undefined);
  if (found.length > 0) return found.map(described);
  return [
    {
      Target: { Id: id, Port: port ?? group.port },
      TargetHealth: {
        State: "unused",
        Reason: "Target.NotRegistered",
        Description: "Target is not registered to the target group",
      },
    },
  ];
}

function described(registration: Registration): TargetHealthDescription {
  return {
    Target: { Id: registration.instanceId, Port: registration.port },
    HealthCheckPort: String(registration.port),
    TargetHealth: healthOf(registration),
  };
}

/** Descriptions as ELBv2 words them; a healthy target has neither reason nor description. */
function healthOf(registration: Registration): TargetHealth {
  const { state, reason, status } = registration.health();
  if (reason === undefined) return { State: state };
  const descriptions: Readonly<Record<typeof reason, string>> = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.ResponseCodeMismatch": `Health checks failed with these codes: [${status ?? ""}]`,
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.InvalidState": "Target is in the stopped state",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
  };
  return { State: state, Reason: reason, Description: descriptions[reason] };
}
