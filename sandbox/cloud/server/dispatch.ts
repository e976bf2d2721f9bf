import { messageOf } from "../../../src/util/errors.ts";
import type { ActionTables, AnyAction, CallContext } from "../actions/action.ts";
import { check, type Problem } from "../schema/check.ts";
import type { ServiceId, ServiceModel, ServiceModels } from "../schema/service.ts";
import type { Operation } from "../schema/shape.ts";
import type { Cloud } from "../state/cloud.ts";
import { requestId as newRequestId } from "../state/ids.ts";
import { type Answer, errorAnswer, successAnswer } from "../wire/answer.ts";
import { AwsError } from "../wire/aws-error.ts";
import { type ParsedInput, parseQuery } from "../wire/query.ts";
import { parseRest } from "../wire/rest.ts";
import { authenticate } from "./authenticate.ts";
import { type CallLog, type CallRecord, fits } from "./calls.ts";
import { denied, faultError, throttled } from "./fault-errors.ts";
import type { Fault, Faults } from "./faults.ts";
import { type Identified, identify } from "./identify.ts";
import type { WireRequest } from "./request.ts";
import { shapeError } from "./shape-errors.ts";
import type { Throttle } from "./throttle.ts";
import type { Violations } from "./violations.ts";

export interface DispatchParts {
  readonly cloud: Cloud;
  readonly models: ServiceModels;
  readonly actions: ActionTables;
  readonly calls: CallLog;
  readonly faults: Faults;
  readonly throttle: Throttle;
  readonly violations: Violations;
}

/** An answer, or nothing: the connection then stays open and silent until the client goes away. */
export type Outcome = Answer | "hang";

interface Call {
  readonly service: ServiceId;
  readonly model: ServiceModel;
  /** `ec2:RunInstances` */
  readonly action: string;
  readonly operation: Operation;
  readonly handler: AnyAction;
  readonly input: Record<string, unknown>;
  readonly context: CallContext;
}

/**
 * A call's way: identify → authenticate → parse and check → fault or throttle → act → check → write.
 * Everything but what cannot be identified is recorded.
 */
export class Dispatcher {
  readonly #parts: DispatchParts;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  async answer(request: WireRequest): Promise<Outcome> {
    const started = this.#now();
    const identified = identify(request);
    if (!identified) return unidentified(request);
    const model = this.#parts.models[identified.service];
    const record = this.#parts.calls.begin({
      at: new Date(started).toISOString(),
      action: `${model.description.label}:${identified.action ?? "?"}`,
      region: identified.scope?.region ?? this.#parts.cloud.config.regions[0]?.name ?? "",
      parameters: {},
      status: 0,
    });
    const id = newRequestId();
    const outcome = await this.#outcome(request, identified, model, record, id);
    if (outcome !== "hang") {
      record.status = outcome.status;
      record.tookMs = this.#now() - started;
    }
    return outcome;
  }

  async #outcome(
    request: WireRequest,
    identified: Identified,
    model: ServiceModel,
    record: CallRecord,
    id: string,
  ): Promise<Outcome> {
    try {
      const call = this.#understood(request, identified, model, record, id);
      const fault = this.#parts.faults.take(call.action, () => this.#parts.cloud.random());
      if (fault) return await this.#faulty(call, fault, record, id);
      this.#admit(call, record);
      return successAnswer(model, call.operation, await this.#act(call), id);
    } catch (thrown) {
      const error = this.#asAwsError(thrown, record);
      record.code = error.code;
      return errorAnswer(model, error, id);
    }
  }

  /** Authenticates and parses. Throws what the service would answer. */
  #understood(
    request: WireRequest,
    identified: Identified,
    model: ServiceModel,
    record: CallRecord,
    id: string,
  ): Call {
    const { cloud, actions } = this.#parts;
    const now = this.#now();
    const options = { verifySignatures: cloud.config.verifySignatures, now };
    const credential = authenticate(request, identified, cloud.credentials, options);
    const region = cloud.region(record.region);
    if (!region) {
      const message = `Region ${record.region} is not enabled for this account.`;
      throw new AwsError(identified.service === "ec2" ? "AuthFailure" : "OptInRequired", message, 403);
    }
    const { service, action = "" } = identified;
    const operation = model.operation(action);
    const table = actions[service];
    const handler = Object.hasOwn(table, action) ? table[action] : undefined;
    if (!operation || !handler) throw unknownAction(action, operation !== undefined);
    const { input, problems } = parsed(request, identified, operation, model);
    setParameters(record, input);
    this.#refuse(problems, record, service);
    return {
      service,
      model,
      action: record.action,
      operation,
      handler,
      input,
      context: {
        cloud,
        region,
        now,
        requestId: id,
        caller: { arn: credential?.arn ?? "", userId: credential?.userId ?? "" },
      },
    };
  }

  #refuse(problems: readonly Problem[], record: CallRecord, service: ServiceId): void {
    if (problems.length === 0) return;
    this.#parts.violations.add("request", record.action, problems, this.#now());
    throw shapeError(problems, service);
  }

  /** Permission and rate. */
  #admit(call: Call, record: CallRecord): void {
    const { cloud, throttle } = this.#parts;
    if (cloud.denied.some((pattern) => fits(pattern, call.action))) throw denied(call.service, call.action);
    if (!cloud.throttling) return;
    if (!throttle.admits(call.service, call.operation.name, record.region, this.#now())) {
      throw throttled(call.service);
    }
  }

  /** Runs the action and checks what it says against the published shape. */
  async #act(call: Call): Promise<object> {
    const output = await call.handler(call.input as never, call.context);
    const problems = check(call.operation.output, output, call.model.enumValues);
    this.#parts.violations.add("response", call.action, problems, this.#now());
    return output;
  }

  async #faulty(call: Call, fault: Fault, record: CallRecord, id: string): Promise<Outcome> {
    record.fault = fault.mode;
    if (fault.mode === "hang-before") return "hang";
    if (fault.mode === "error-after" || fault.mode === "hang-after" || fault.mode === "garbage") {
      // What the action itself refuses has no effect; the fault is played all the same.
      await this.#act(call).catch(() => undefined);
    }
    if (fault.mode === "hang-after") return "hang";
    if (fault.mode === "garbage") return GARBAGE;
    const error = faultError(fault, call.action, call.service, (code) => call.model.statusOf(code));
    record.code = error.code;
    return errorAnswer(call.model, error, id);
  }

  #asAwsError(thrown: unknown, record: CallRecord): AwsError {
    if (thrown instanceof AwsError) return thrown;
    console.error(`${record.action} failed inside the local cloud:`, thrown);
    const problem: Problem = {
      kind: "wrong-type",
      path: "",
      detail: `the action threw: ${messageOf(thrown)}`,
    };
    this.#parts.violations.add("response", record.action, [problem], this.#now());
    return new AwsError("InternalFailure", messageOf(thrown), 500);
  }

  #now(): number {
    return this.#parts.cloud.clock.now();
  }
}

const GARBAGE: Answer = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<html><body><h1>It works!</h1><p>This is not the service that you called</body>",
};

function parsed(
  request: WireRequest,
  { form, labels }: Identified,
  operation: Operation,
  model: ServiceModel,
): ParsedInput {
  const { protocol } = model.description;
  const { input, problems } =
    protocol === "restXml"
      ? parseRest({ labels, query: request.query, headers: request.headers, body: request.body }, operation)
      : parseQuery(form, operation.input, protocol);
  return { input, problems: [...problems, ...check(operation.input, input, model.enumValues)] };
}

/** Bytes are told by their length alone. */
function setParameters(record: CallRecord, input: Record<string, unknown>): void {
  const entries = Object.entries(input).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? `${value.byteLength} bytes` : value,
  ]);
  Object.assign(record, { parameters: Object.fromEntries(entries) });
}

function unknownAction(action: string, isPublished: boolean): AwsError {
  const message = isPublished
    ? `The sandbox's cloud does not have the action ${action}.`
    : `The action ${action} is not valid for this endpoint.`;
  return new AwsError("InvalidAction", message, 400);
}

/** Without a signature there is no service in whose words to answer. */
function unidentified(request: WireRequest): Answer {
  const isSigned = request.headers.authorization !== undefined;
  const code = isSigned ? "UnrecognizedClientException" : "MissingAuthenticationToken";
  const message = isSigned
    ? "The credential scope names no service that this cloud has."
    : "Request is missing Authentication Token";
  const error = `<Type>Sender</Type><Code>${code}</Code><Message>${message}</Message>`;
  const body = `<ErrorResponse><Error>${error}</Error></ErrorResponse>`;
  return { status: 403, headers: { "content-type": "text/xml" }, body };
}
