import { EC2Client, RunInstancesCommand, waitUntilInstanceRunning } from "@aws-sdk/client-ec2";
import {
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { IMAGE, SUBNETS, TARGET_PORT } from "../../../sandbox/supervisor/plan.ts";
import type { Yard } from "./yard.ts";

/** An instance that somebody launched by hand and put behind a slot: none of the bot's. */
export class OldInstance {
  readonly id: string;
  readonly #register: () => Promise<void>;

  private constructor(id: string, register: () => Promise<void>) {
    this.id = id;
    this.#register = register;
  }

  /** Resolves when it runs. */
  static async launch(yard: Yard, slot: string): Promise<OldInstance> {
    const { aws, slots } = yard.json;
    const settings = {
      endpoint: aws.endpoint,
      region: aws.region,
      credentials: { accessKeyId: aws.accessKeyId, secretAccessKey: aws.secretAccessKey },
    };
    const ec2 = new EC2Client(settings);
    const balancing = new ElasticLoadBalancingV2Client(settings);
    const answer = await ec2.send(
      new RunInstancesCommand({
        ImageId: IMAGE,
        InstanceType: "t3.large",
        SubnetId: SUBNETS[0].id,
        MinCount: 1,
        MaxCount: 1,
      }),
    );
    const id = answer.Instances?.[0]?.InstanceId;
    if (id === undefined) throw new Error("No instance was launched.");
    await waitUntilInstanceRunning({ client: ec2, maxWaitTime: 30, minDelay: 1 }, { InstanceIds: [id] });
    return new OldInstance(id, async () => {
      const Targets = [{ Id: id, Port: TARGET_PORT }];
      await balancing.send(new RegisterTargetsCommand({ TargetGroupArn: slots[slot]?.targetGroup, Targets }));
    });
  }

  /** (Again) behind the slot. */
  async serve(): Promise<void> {
    await this.#register();
  }
}
