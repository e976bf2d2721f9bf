import { EC2Client } from "@aws-sdk/client-ec2";
import type { SandboxJson } from "../../../sandbox/supervisor/description.ts";

/** A person's own AWS client: for what somebody does beside the bot. */
export function ec2Client({ aws }: SandboxJson): EC2Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = aws;
  return new EC2Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
}
