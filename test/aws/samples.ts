import {
  buildLaunchRequest,
  type Image,
  type LaunchInput,
  type LaunchRequest,
} from "../../src/cloud/index.ts";

export const USER_DATA = "#cloud-config\nssh_keys: {}\n";

export const IMAGE: Image = {
  id: "ami-02dff3992891505ba",
  name: "staging",
  state: "available",
  stateReason: undefined,
  architecture: "x86_64",
  rootDeviceName: "/dev/sda1",
  rootSnapshotSizeGiB: 80,
  rootEncrypted: false,
};

export const OWNER = {
  installation: "acme",
  run: "0b9fb7c8-0000-4000-8000-000000000001",
  slot: "stg1",
  generation: 1,
};

export function launchInput(change: Partial<LaunchInput> = {}): LaunchInput {
  return {
    owner: OWNER,
    image: IMAGE,
    instanceType: "t3.2xlarge",
    subnetId: "subnet-1",
    securityGroupIds: ["sg-1"],
    keyName: "stg1-key",
    rootVolume: { sizeGiB: 200, type: "gp3" },
    tags: { team: "platform" },
    userData: USER_DATA,
    ...change,
  };
}

export function launchRequest(change: Partial<LaunchInput> = {}): LaunchRequest {
  return buildLaunchRequest(launchInput(change));
}
