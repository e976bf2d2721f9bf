import type { ActionTables } from "./action.ts";
import { EC2_ACTIONS } from "./ec2/index.ts";
import { ELBV2_ACTIONS } from "./elbv2/index.ts";
import { S3_ACTIONS } from "./s3.ts";
import { STS_ACTIONS } from "./sts.ts";

/** Every action that this cloud knows, by service. */
export const ACTIONS: ActionTables = {
  ec2: EC2_ACTIONS,
  elasticloadbalancing: ELBV2_ACTIONS,
  sts: STS_ACTIONS,
  s3: S3_ACTIONS,
};
