import { randomBytes, randomUUID } from "node:crypto";

/** Seventeen hexadecimal digits, as EC2's long ids have. */
export function resourceId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString("hex")}`;
}

export function requestId(): string {
  return randomUUID();
}

/** Sixteen hexadecimal digits, as in the ARNs of ELBv2. */
export function arnSuffix(): string {
  return randomBytes(8).toString("hex");
}
