import type { ServiceId } from "../schema/service.ts";

interface Bucket {
  tokens: number;
  refilledAt: number;
}

interface Limit {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Request rates, each a token bucket per region: EC2's of
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, ELBv2's of
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/quotas-api-throttling.html. Describe
 * actions of EC2 share one bucket here, as they do for unfiltered calls.
 */
const LIMITS: Readonly<Record<string, Limit>> = {
  "ec2:Describe": { burst: 100, perSecond: 20 },
  "ec2:RunInstances": { burst: 5, perSecond: 2 },
  "ec2:TerminateInstances": { burst: 100, perSecond: 5 },
  "ec2:AuthorizeSecurityGroupIngress": { burst: 50, perSecond: 5 },
  "ec2:RevokeSecurityGroupIngress": { burst: 50, perSecond: 5 },
  "ec2:CreateTags": { burst: 100, perSecond: 10 },
  "ec2:DeleteTags": { burst: 100, perSecond: 10 },
  "ec2:": { burst: 50, perSecond: 5 },
  "elasticloadbalancing:Describe": { burst: 40, perSecond: 10 },
  "elasticloadbalancing:RegisterTargets": { burst: 20, perSecond: 4 },
  "elasticloadbalancing:DeregisterTargets": { burst: 20, perSecond: 4 },
  "elasticloadbalancing:": { burst: 40, perSecond: 3 },
};

export class Throttle {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes a token for the call; false when it must be refused. S3 and STS are not limited. */
  admits(service: ServiceId, action: string, region: string, now: number): boolean {
    const key = keyOf(service, action);
    const limit = LIMITS[key];
    if (!limit) return true;
    const bucket = this.#refilled(`${region}|${key}`, limit, now);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  clear(): void {
    this.#buckets.clear();
  }

  #refilled(key: string, limit: Limit, now: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { tokens: limit.burst, refilledAt: now };
    const earned = ((now - bucket.refilledAt) / 1000) * limit.perSecond;
    bucket.tokens = Math.min(limit.burst, bucket.tokens + earned);
    bucket.refilledAt = now;
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

function keyOf(label: string, action: string): string {
  if (LIMITS[`${label}:${action}`]) return `${label}:${action}`;
  return action.startsWith("Describe") ? `${label}:Describe` : `${label}:`;
}
