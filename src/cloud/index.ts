export {
  ABSENT_AFTER_REFUSAL_MS,
  ABSENT_FOR_MS,
  type AbsenceRecord,
  type AbsenceVerdict,
  judgeAbsence,
  NOTHING_SEEN,
  recordSighting,
  type Sighting,
} from "./absence.ts";
export { DEFAULT_OWN_ADDRESS_URL, type OwnAddress } from "./address.ts";
export type { LoadBalancing, TargetGroup } from "./alb.ts";
export type { AwsCall, CallOptions, Purpose } from "./call.ts";
export { parseCidr } from "./cidr.ts";
export { type Cloud, type CloudOptions, type CloudRegion, createCloud } from "./cloud.ts";
export type { DeadManTimer } from "./dead-man.ts";
export type { Ec2, OwnerQuery, SightingQuery } from "./ec2.ts";
export type { ClosedIngress, IngressKey, IngressRequest, IngressRule, OpenedIngress } from "./ec2-ingress.ts";
export type { TerminateAnswer } from "./ec2-instances.ts";
export type { Elsewhere } from "./error-codes.ts";
export { AWS_FAULT_KINDS, AwsFault, type AwsFaultKind, isPassing } from "./errors.ts";
export { iamPolicy, type PolicyDocument, type PolicyInput, type PolicySlot } from "./iam-policy.ts";
export type { CallerIdentity } from "./identity.ts";
export type { Image } from "./image.ts";
export {
  awsReason,
  INSTANCE_STATES,
  type Instance,
  InstanceDied,
  type InstanceState,
  isAlive,
} from "./instance.ts";
export {
  buildLaunchRequest,
  clientToken,
  type LaunchCandidate,
  type LaunchInput,
  type LaunchRequest,
  launchCandidates,
  type RootVolume,
  remainingCandidates,
  userDataHash,
} from "./launch-request.ts";
export {
  type GetOptions,
  type ObjectPlace,
  type Objects,
  type PutOptions,
  parseS3Address,
} from "./objects.ts";
export { FEATURES, type Feature, PERMISSIONS, type Permission } from "./permissions.ts";
export {
  type AddressKind,
  type Poller,
  type Until,
  untilDeregistered,
  untilDraining,
  untilHealthy,
  untilRunning,
  untilTerminated,
  untilTerminatedTwice,
} from "./poller.ts";
export { PROBE_OUTCOMES, type Probe, type ProbedSlot, type ProbeOutcome, probeSlot } from "./probes.ts";
export type { GroupWeight, RuleForward } from "./rule-forward.ts";
export { type WaitOptions, WaitTimeout } from "./shared-poll.ts";
export { isOurs, type Owner, ownerTags, TAG, type Tags } from "./tags.ts";
export {
  groupName,
  hopelessTarget,
  isDeregistered,
  isSameTarget,
  TARGET_STATES,
  type Target,
  TargetFault,
  type TargetHealth,
  type TargetState,
} from "./target-health.ts";
export { type AwsTrouble, type TroubleListener, troubleText } from "./trouble.ts";
export { buildUserData, type HostKey, type UserDataInput } from "./user-data.ts";
