import { DescribeInstancesCommand, EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import type { SandboxJson } from "../../../sandbox/supervisor/description.ts";
import { sleep } from "../../../src/util/clock.ts";
import type { AwsCall } from "../../crash/support/cloud.ts";

/** Makes the script's looks known among the bot's. */
const PAGE = 777;
/** In ms; while it is busy it asks ten times as often as AWS allows, and then leaves the others their turn. */
const BUSY_MS = 6_000;
const REST_MS = 2_500;
const EVERY_MS = 50;
const LOOKS = 10;
const LAUNCHES = 1;

/** Somebody's script in the same account that uses AWS's request limits up. */
export class BusyScript {
  readonly #client: EC2Client;
  #going = true;
  readonly #work: Promise<void>;

  constructor({ aws }: SandboxJson) {
    const { endpoint, region, accessKeyId, secretAccessKey } = aws;
    this.#client = new EC2Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    });
    this.#work = this.#run();
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#work;
    this.#client.destroy();
  }

  async #run(): Promise<void> {
    while (this.#going) {
      const until = Date.now() + BUSY_MS;
      while (this.#going && Date.now() < until) {
        await this.#ask();
        await sleep(EVERY_MS);
      }
      if (this.#going) await sleep(REST_MS);
    }
  }

  async #ask(): Promise<void> {
    const launch = { DryRun: true, MinCount: 1, MaxCount: 1, ImageId: "ami-0" };
    await Promise.allSettled([
      ...Array.from({ length: LOOKS }, () =>
        this.#client.send(new DescribeInstancesCommand({ MaxResults: PAGE })),
      ),
      ...Array.from({ length: LAUNCHES }, () => this.#client.send(new RunInstancesCommand(launch))),
    ]);
  }
}

/** Whether the call was the script's. */
export function isOfScript({ parameters }: AwsCall): boolean {
  const { MaxResults, DryRun } = (parameters ?? {}) as { MaxResults?: number; DryRun?: boolean };
  return MaxResults === PAGE || DryRun === true;
}
