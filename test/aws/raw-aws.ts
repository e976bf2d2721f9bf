import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Cloud, type CloudOptions, createCloud } from "../../src/cloud/index.ts";

/**
 * An AWS endpoint that answers exactly what a test says, in the query protocol's XML, right or wrong. The
 * real SDK talks to it over HTTP.
 */

export interface SeenCall {
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  readonly method: string;
  readonly path: string;
}

export type Answer =
  | { readonly status?: number; readonly body: string; readonly type?: string }
  | "hang"
  | "reset"
  | "half";

/** Given the call and how often its action was called before. */
export type Handler = (call: SeenCall, before: number) => Answer;

export class RawAws {
  readonly calls: SeenCall[] = [];
  readonly #server: Server;
  readonly #hanging = new Set<ServerResponse>();
  #handler: Handler = () => error("InvalidAction", "nothing is prepared", 400);

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<RawAws> {
    const server = createServer();
    const raw = new RawAws(server);
    server.on("request", (request, response) => void raw.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return raw;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  answer(handler: Handler | Answer): void {
    this.#handler = typeof handler === "function" ? handler : () => handler;
  }

  count(action: string): number {
    return this.calls.filter((call) => call.action === action).length;
  }

  /** The bot's cloud, which finds this endpoint by the SDK's own variables. */
  cloud(options: CloudOptions = {}): Cloud {
    process.env.AWS_ENDPOINT_URL = this.endpoint;
    process.env.AWS_ACCESS_KEY_ID = "AKIDTEST";
    process.env.AWS_SECRET_ACCESS_KEY = "secret-for-tests";
    return createCloud({ limits: { connect: 5_000, request: 20_000 }, ...options });
  }

  async stop(): Promise<void> {
    for (const response of this.#hanging) response.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const parameters = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const action = parameters.Action ?? `${request.method} ${request.url}`;
    const before = this.count(action);
    const call = {
      action,
      parameters,
      headers: request.headers,
      method: request.method ?? "",
      path: request.url ?? "",
    };
    this.calls.push(call);
    const answer = this.#handler(call, before);
    if (answer === "hang") return void this.#hanging.add(response);
    if (answer === "reset") return void request.socket.resetAndDestroy();
    if (answer === "half") {
      response.writeHead(200, { "content-type": "text/xml", "content-length": "1000" });
      response.write("<Desc");
      return void setTimeout(() => request.socket.resetAndDestroy(), 20);
    }
    response.writeHead(answer.status ?? 200, { "content-type": answer.type ?? "text/xml;charset=UTF-8" });
    response.end(answer.body);
  }
}

/** An EC2 error as AWS writes it. */
export function error(code: string, message: string, status = 400): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors>
<RequestID>0aa1bb22-cc33-dd44-ee55-ff6677889900</RequestID></Response>`;
  return { status, body };
}

/** An ELBv2 error as AWS writes it. */
export function elbError(code: string, message: string, status = 400): Answer {
  const body = `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>
<RequestId>0aa1bb22-cc33-dd44-ee55-ff6677889900</RequestId></ErrorResponse>`;
  return { status, body };
}

/** An EC2 answer: `<RunInstancesResponse>…</RunInstancesResponse>`. */
export function ec2Answer(action: string, content: string): Answer {
  const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
  return { body: `<${action}Response xmlns="${namespace}">${content}</${action}Response>` };
}

/** An ELBv2 answer, whose content stands in a result element. */
export function elbAnswer(action: string, content: string): Answer {
  const namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
  const result = `<${action}Result>${content}</${action}Result>`;
  return { body: `<${action}Response xmlns="${namespace}">${result}</${action}Response>` };
}

export interface InstanceXml {
  readonly id?: string;
  readonly state?: string;
  readonly publicIp?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly token?: string;
}

const STATE_CODES: Record<string, number> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** One `<item>` of an instances set. */
export function instanceXml(instance: InstanceXml = {}): string {
  const { id = "i-0123456789abcdef0", state = "running", publicIp, reason, message, tags, token } = instance;
  const tagItems = Object.entries(tags ?? {}).map(
    ([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`,
  );
  return `<item><instanceId>${id}</instanceId><imageId>ami-1</imageId>
<instanceState><code>${STATE_CODES[state] ?? 0}</code><name>${state}</name></instanceState>
${publicIp === undefined ? "" : `<ipAddress>${publicIp}</ipAddress>`}
${reason === undefined ? "" : `<stateReason><code>${reason}</code><message>${message ?? ""}</message></stateReason>`}
${token === undefined ? "" : `<clientToken>${token}</clientToken>`}
<instanceType>t3.large</instanceType><launchTime>2026-11-21T04:00:00.000Z</launchTime>
<tagSet>${tagItems.join("")}</tagSet></item>`;
}

/** DescribeInstances with these instances. */
export function instancesAnswer(instances: readonly InstanceXml[], next = ""): Answer {
  const set = `<item><reservationId>r-1</reservationId><instancesSet>${instances.map(instanceXml).join("")}
</instancesSet></item>`;
  const reservations = instances.length === 0 ? "" : set;
  return ec2Answer(
    "DescribeInstances",
    `<requestId>1</requestId><reservationSet>${reservations}</reservationSet><nextToken>${next}</nextToken>`,
  );
}

/** DescribeTargetHealth with these targets. */
export function targetsAnswer(
  targets: readonly { id: string; port?: number; state: string; reason?: string; description?: string }[],
): Answer {
  const members = targets.map(
    ({ id, port = 80, state, reason, description }) => `<member>
<Target><Id>${id}</Id><Port>${port}</Port></Target><HealthCheckPort>${port}</HealthCheckPort>
<TargetHealth><State>${state}</State>${reason ? `<Reason>${reason}</Reason>` : ""}
${description ? `<Description>${description}</Description>` : ""}</TargetHealth></member>`,
  );
  return elbAnswer(
    "DescribeTargetHealth",
    `<TargetHealthDescriptions>${members.join("")}</TargetHealthDescriptions>`,
  );
}

export const REGION = "us-east-1";
