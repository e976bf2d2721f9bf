import { createHash, randomUUID } from "node:crypto";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";
import {
  type AbsenceRecord,
  AwsFault,
  buildLaunchRequest,
  buildUserData,
  type Cloud,
  type CloudRegion,
  judgeAbsence,
  type LaunchCandidate,
  type LaunchRequest,
  launchCandidates,
  NOTHING_SEEN,
  type Owner,
  recordSighting,
  remainingCandidates,
  untilRunning,
  untilTerminated,
} from "../../src/cloud/index.ts";
import {
  AMI,
  type FaultMode,
  GROUP,
  LOGIN_KEY,
  LocalCloud,
  REGION,
  SSH_PORT,
  SUBNET_A,
  SUBNET_B,
} from "./local-cloud.ts";

let local: LocalCloud;
let cloud: Cloud;
let region: CloudRegion;
let owner: Owner;

beforeAll(async () => {
  local = await LocalCloud.start();
});
beforeEach(async () => {
  await local.reset();
  cloud = local.connect();
  region = cloud.region(REGION);
  owner = { installation: "acme", run: randomUUID(), slot: "stg1", generation: 1 };
});
afterEach(() => cloud.close());
afterAll(() => local.stop());

const HOST_KEY = newSshKeys();
const deadline = () => Date.now() + 20_000;
const soon = () => ({ madeAt: Date.now(), powerOffAt: Date.now() + 3_600_000 });

interface Launch {
  readonly request: LaunchRequest;
  readonly userData: string;
}

async function launchOf(change: Partial<LaunchCandidate> = {}, deadMan = soon()): Promise<Launch> {
  const hostKey = { privateKey: HOST_KEY.private, publicKey: HOST_KEY.public };
  const userData = buildUserData({ hostKey, deadMan });
  const image = await region.ec2.describeImage(AMI);
  const candidate = { instanceType: "t3.2xlarge", subnetId: SUBNET_A, ...change };
  const parts = { owner, image, securityGroupIds: [GROUP], keyName: "stg", userData };
  return { request: buildLaunchRequest({ ...parts, ...candidate }), userData };
}

/** As the pipeline does it: the same request again until its outcome is known. */
async function launchUntilKnown({ request, userData }: Launch): Promise<string> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    try {
      return (await region.ec2.runInstance(request, userData)).id;
    } catch (error) {
      if (!(error instanceof AwsFault)) throw error;
    }
  }
  throw new Error("five times without an outcome");
}

async function confirmGone(id: string, clientToken: string): Promise<string> {
  let record: AbsenceRecord = NOTHING_SEEN;
  for (let look = 0; look < 20; look++) {
    record = recordSighting(record, await region.cleanup.ec2.sight({ id, clientToken, owner }));
    const verdict = judgeAbsence(record, Date.now());
    if (verdict.gone) return verdict.how;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error("never confirmed");
}

describe("a launch, against the local cloud", () => {
  it("goes from the image to a machine with our host key, and away again", async () => {
    const launch = await launchOf();
    expect(launch.request.rootVolume.sizeGiB).toBe(30);
    const launched = await region.ec2.runInstance(launch.request, launch.userData);
    expect(launched).toMatchObject({ state: "pending", clientToken: launch.request.clientToken });
    expect(launched.tags).toMatchObject({ "slipway:run": owner.run, Name: "acme-stg1" });

    const waited = region.poller.instance(launched.id, untilRunning("privateIp"), { deadline: deadline() });
    const { address } = await waited;
    const opened = await region.ec2.openIngress({
      groupId: GROUP,
      port: SSH_PORT,
      cidr: await cloud.ownAddress.cidr(),
      description: "Slipway test",
      tags: { "slipway:installation": owner.installation },
    });
    expect(opened.kind).toBe("created");
    expect(await presentedHostKey(address)).toBe(fingerprint(HOST_KEY.public));

    expect(await region.cleanup.ec2.terminate(launched.id)).toMatchObject({ kind: "terminating" });
    await region.poller.instance(launched.id, untilTerminated, { deadline: deadline() });
    expect(await confirmGone(launched.id, launch.request.clientToken)).toBe("terminated");
    expect(await region.cleanup.ec2.closeIngress({ groupId: GROUP, ruleId: opened.ruleId })).toEqual({
      kind: "closed",
    });
    expect(await local.alive()).toEqual([]);
    expect(await local.get("violations")).toEqual([]);
  });

  it("ends itself when its dead-man timer is due", async () => {
    const now = Date.now();
    const launch = await launchOf({}, { madeAt: now, powerOffAt: now + 5_000 });
    const { id } = await region.ec2.runInstance(launch.request, launch.userData);
    const gone = await region.poller.instance(id, untilTerminated, { deadline: deadline() });
    expect(gone.stateReason?.code).toBe("Client.InstanceInitiatedShutdown");
  });

  it("is found by token and by tags, for this run and for the installation", async () => {
    const launch = await launchOf();
    const { id } = await region.ec2.runInstance(launch.request, launch.userData);
    const ids = async (found: Promise<{ id: string }[]>) => (await found).map((one) => one.id);
    expect(await ids(region.ec2.findByToken(launch.request.clientToken))).toEqual([id]);
    expect(await ids(region.ec2.findByTags(owner))).toEqual([id]);
    expect(await ids(region.ec2.findByTags({ installation: "acme" }))).toContain(id);
    expect(await ids(region.ec2.findByTags({ ...owner, generation: 2 }))).toEqual([]);
    expect(await ids(region.ec2.findByTags({ ...owner, installation: "other" }))).toEqual([]);
  });

  it("moves to another subnet when AWS has no room in the first", async () => {
    const candidates = launchCandidates(["t3a.2xlarge"], [SUBNET_A, SUBNET_B]);
    const [first] = candidates;
    if (!first) throw new Error("no candidate");
    const full = await launchOf(first);
    const fault = await region.ec2.runInstance(full.request, full.userData).catch((error: unknown) => error);
    expect(fault).toMatchObject({ kind: "capacity", definite: true, elsewhere: "zone", httpStatus: 500 });
    expect(await local.calls("ec2:RunInstances")).toBe(1);
    const [next] = remainingCandidates(candidates, first, fault as AwsFault);
    const other = await launchOf(next);
    expect(await region.ec2.runInstance(other.request, other.userData)).toMatchObject({ subnetId: SUBNET_B });
    expect(await local.alive()).toHaveLength(1);
  });

  it("is refused under its old token with other parameters", async () => {
    const launch = await launchOf();
    await region.ec2.runInstance(launch.request, launch.userData);
    const changed = { ...launch.request, keyName: null };
    await expect(region.ec2.runInstance(changed, launch.userData)).rejects.toMatchObject({
      kind: "mismatch",
      definite: true,
    });
    expect(await local.alive()).toHaveLength(1);
  });
});

describe("one instance, whatever AWS answers to RunInstances", () => {
  const modes: FaultMode[] = [
    "error-before",
    "error-after",
    "hang-before",
    "hang-after",
    "throttle",
    "notfound",
    "garbage",
  ];
  it.each(modes)("%s", async (mode) => {
    const launch = await launchOf();
    await local.faults({ action: "ec2:RunInstances", mode, times: 2 });
    const id = await launchUntilKnown(launch);
    expect(await local.calls("ec2:RunInstances")).toBe(3);
    expect(await local.alive()).toEqual([id]);
  });

  it("but two when each attempt has a token of its own (negative control)", async () => {
    await local.faults({ action: "ec2:RunInstances", mode: "error-after" });
    const first = await launchOf();
    await expect(region.ec2.runInstance(first.request, first.userData)).rejects.toMatchObject({
      definite: false,
    });
    owner = { ...owner, generation: 2 };
    await launchUntilKnown(await launchOf());
    expect(await local.alive()).toHaveLength(2);
  });
});

describe("terminating, whatever AWS answers", () => {
  const modes: FaultMode[] = ["error-before", "error-after", "hang-after", "throttle", "garbage"];
  it.each(modes)("%s", async (mode) => {
    const launch = await launchOf();
    const { id } = await region.ec2.runInstance(launch.request, launch.userData);
    await local.faults({ action: "ec2:TerminateInstances", mode });
    for (let attempt = 0; attempt < 3; attempt++)
      await region.cleanup.ec2.terminate(id).catch(() => undefined);
    expect(await confirmGone(id, launch.request.clientToken)).toBe("terminated");
    expect(await local.alive()).toEqual([]);
  });

  it("does not take an instance for gone that is not shown yet", async () => {
    await local.change({ delays: { consistency: 4_000 } });
    try {
      const launch = await launchOf();
      const { id } = await region.ec2.runInstance(launch.request, launch.userData);
      expect(await region.cleanup.ec2.terminate(id)).toEqual({ kind: "unknown" });
      const sighting = await region.cleanup.ec2.sight({ id, clientToken: launch.request.clientToken, owner });
      expect(sighting.instances).toEqual([]);
      expect(judgeAbsence(recordSighting(NOTHING_SEEN, sighting), Date.now()).gone).toBe(false);
      await region.poller.instance(id, untilRunning("privateIp"), { deadline: deadline() });
      expect(await region.cleanup.ec2.terminate(id)).toMatchObject({ kind: "terminating" });
      expect(await confirmGone(id, launch.request.clientToken)).toBe("terminated");
    } finally {
      await local.change({ delays: { consistency: 0 } });
    }
  });
});

describe("waiting while AWS falters", () => {
  it("goes on through every passing fault", async () => {
    const launch = await launchOf();
    const { id } = await region.ec2.runInstance(launch.request, launch.userData);
    const action = "ec2:DescribeInstances";
    await local.faults(
      { action, mode: "throttle" },
      { action, mode: "garbage" },
      { action, mode: "error-before" },
    );
    await region.poller.instance(id, untilRunning("privateIp"), { deadline: deadline() });
    expect(await local.calls(action)).toBe(4);
  });
});

/** The SHA-256 of the key that the machine presents, tried until its SSH server listens. */
async function presentedHostKey(host: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise<string>((resolve, reject) => {
        const client = new ssh2.Client();
        let seen = "";
        client
          .on("ready", () => resolve(seen))
          .on("ready", () => client.end())
          .on("error", reject)
          .connect({
            host,
            port: SSH_PORT,
            username: "ubuntu",
            privateKey: LOGIN_KEY,
            hostVerifier: (key: Buffer) => {
              seen = createHash("sha256").update(key).digest("hex");
              return true;
            },
          });
      });
    } catch (error) {
      if (attempt >= 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function fingerprint(publicKey: string): string {
  return createHash("sha256")
    .update(Buffer.from(publicKey.split(" ")[1] ?? "", "base64"))
    .digest("hex");
}
