import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { type AwsCall, Caller, type Purpose } from "./call.ts";
import type { Timers } from "./timers.ts";

/** How long AWS is given, in milliseconds. */
export interface TimeLimits {
  /** For the TCP and TLS connection of one attempt. */
  readonly connect: number;
  /** For the answer of one attempt, and for silence on its socket. */
  readonly request: number;
}

export const DEFAULT_LIMITS: TimeLimits = { connect: 5_000, request: 20_000 };

export interface ClientOptions {
  readonly limits?: TimeLimits;
  readonly onCall?: (call: AwsCall) => void;
  readonly timers?: Timers;
}

/**
 * Attempts that the SDK makes by itself. Only answers that leave the effect harmless to repeat reach a second
 * attempt: `launch` and `poll` have none.
 */
const ATTEMPTS: Readonly<Record<Purpose, number>> = { launch: 1, poll: 1, work: 3, cleanup: 5 };

/** With this many sockets a client never queues behind its own hanging calls; AWS limits us far earlier. */
const SOCKETS = 64;

/** The SDK clients of one region and purpose, and the caller through which they are used. */
export interface ClientSet {
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly s3: S3Client;
  readonly caller: Caller;
}

type Credentials = STSClient["config"]["credentials"];

/**
 * Makes clients on first use, one per region and purpose, and keeps them. They use the SDK's ordinary
 * credential chain and endpoint settings (`AWS_ENDPOINT_URL` and its per-service forms). All share one
 * memoised credential provider, which renews by itself before the credentials end; a failing renewal is tried
 * again by the next call.
 */
export class Clients {
  readonly #options: ClientOptions;
  readonly #sets = new Map<string, ClientSet>();
  readonly #identity = new Map<string, STSClient>();
  #credentials: Credentials | undefined;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
  }

  set(region: string, purpose: Purpose): ClientSet {
    const key = `${region} ${purpose}`;
    const known = this.#sets.get(key);
    if (known) return known;
    const config = this.#config(region, purpose);
    const made = {
      ec2: new EC2Client(config()),
      elb: new ElasticLoadBalancingV2Client(config()),
      s3: new S3Client(config()),
      caller: this.#caller(region, purpose),
    };
    this.#sets.set(key, made);
    return made;
  }

  /** For `sts:GetCallerIdentity`. */
  identity(region: string): { readonly sts: STSClient; readonly caller: Caller } {
    return { sts: this.#sts(region), caller: this.#caller(region, "work") };
  }

  /** Closes every kept-alive connection. Calls that are under way fail. */
  close(): void {
    for (const set of this.#sets.values()) for (const client of [set.ec2, set.elb, set.s3]) client.destroy();
    for (const client of this.#identity.values()) client.destroy();
    this.#sets.clear();
    this.#identity.clear();
    this.#credentials = undefined;
  }

  #sts(region: string): STSClient {
    const known = this.#identity.get(region);
    if (known) return known;
    const made = new STSClient({ ...this.#base(region, "work") });
    this.#identity.set(region, made);
    return made;
  }

  #config(region: string, purpose: Purpose) {
    this.#credentials ??= this.#sts(region).config.credentials;
    const credentials = this.#credentials;
    return () => ({ ...this.#base(region, purpose), credentials });
  }

  #base(region: string, purpose: Purpose) {
    const { connect, request } = this.#options.limits ?? DEFAULT_LIMITS;
    const agent = { keepAlive: true, maxSockets: SOCKETS };
    return {
      region,
      // Standard, whatever AWS_RETRY_MODE says: adaptive mode would delay every call of the client.
      retryMode: "standard",
      maxAttempts: ATTEMPTS[purpose],
      customUserAgent: [["slipway"]] as [string][],
      requestHandler: {
        connectionTimeout: connect,
        requestTimeout: request,
        throwOnRequestTimeout: true,
        socketTimeout: request,
        httpAgent: new HttpAgent(agent),
        httpsAgent: new HttpsAgent(agent),
      },
    };
  }

  #caller(region: string, purpose: Purpose): Caller {
    const { request, connect } = this.#options.limits ?? DEFAULT_LIMITS;
    // One attempt may use its whole time and the others must still fit, without a minute passing unseen.
    const deadlineMs = (request + connect) * (ATTEMPTS[purpose] === 1 ? 1 : 2);
    const { onCall, timers } = this.#options;
    return new Caller({ region, purpose, deadlineMs, onCall, ...(timers ? { timers } : {}) });
  }
}
