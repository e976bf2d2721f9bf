import { z } from "zod";
import { configChangeSchema } from "../config.ts";
import type { Cloud } from "../state/cloud.ts";
import type { Answer } from "../wire/answer.ts";
import type { CallLog } from "./calls.ts";
import { type Faults, faultListSchema } from "./faults.ts";
import type { WireRequest } from "./request.ts";
import { criticalPath, snapshot } from "./snapshot.ts";
import type { Throttle } from "./throttle.ts";
import type { Violations } from "./violations.ts";

export interface ControlParts {
  readonly cloud: Cloud;
  readonly calls: CallLog;
  readonly faults: Faults;
  readonly throttle: Throttle;
  readonly violations: Violations;
}

type Handler = (request: WireRequest) => unknown | Promise<unknown>;

/** What befalls one machine while it runs. */
const instanceChangeSchema = z.strictObject({
  id: z.string(),
  change: z.enum(["freeze", "thaw", "drop-connections", "power-off"]).optional(),
  /** By the keys of the image's settings, e.g. `{"auth": "refuse"}`. */
  settings: z.record(z.string(), z.unknown()).optional(),
});

/** What tests and the sandbox's page do with the cloud beside the AWS protocols, under `/_sandbox/`. */
export class Control {
  readonly #parts: ControlParts;
  readonly #routes: Readonly<Record<string, Handler>>;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    const { cloud, calls, faults, violations } = parts;
    this.#routes = {
      "GET faults": () => faults.list(),
      "POST faults": (request) => {
        faults.set(faultListSchema.parse(json(request)));
        return faults.list();
      },
      "GET calls": ({ query }) =>
        calls.list(query.get("since") ?? undefined, query.get("action") ?? undefined),
      "GET state": () => snapshot(cloud),
      "GET violations": () => violations.list(),
      "GET critical-path": ({ query }) => criticalPath(cloud, query.get("since") ?? undefined),
      "GET config": () => runningConfig(cloud),
      "POST config": (request) => {
        cloud.change(configChangeSchema.parse(json(request)));
        return runningConfig(cloud);
      },
      "POST reset": () => this.#reset(),
    };
  }

  async answer(request: WireRequest, path: string): Promise<Answer> {
    if (path === "checkip") return text(200, `${request.sourceAddress}\n`);
    try {
      return await this.#route(request, path);
    } catch (error) {
      if (error instanceof z.ZodError) return asJson(400, { error: z.prettifyError(error) });
      if (error instanceof SyntaxError) return asJson(400, { error: error.message });
      throw error;
    }
  }

  async #route(request: WireRequest, path: string): Promise<Answer> {
    if (request.method === "POST" && path === "instance") {
      return this.#changeInstance(instanceChangeSchema.parse(json(request)));
    }
    const handler = this.#routes[`${request.method} ${path}`];
    if (!handler)
      return asJson(404, { error: `Nothing at ${request.method} ${path}`, routes: this.#names() });
    return asJson(200, await handler(request));
  }

  #names(): string[] {
    return [...Object.keys(this.#routes), "POST instance", "GET checkip"];
  }

  async #reset(): Promise<object> {
    const { cloud, calls, faults, throttle, violations } = this.#parts;
    faults.set([]);
    await cloud.reset();
    calls.clear();
    throttle.clear();
    violations.clear();
    return { ok: true };
  }

  async #changeInstance({ id, change, settings }: z.output<typeof instanceChangeSchema>): Promise<Answer> {
    const instance = this.#parts.cloud.regions().flatMap(({ instances }) => instances.get(id) ?? [])[0];
    const host = instance?.host;
    if (!instance || !host) return asJson(409, { error: `No machine runs behind ${id}` });
    if (settings) await host.reconfigure(settings);
    if (change === "freeze") host.freeze();
    if (change === "thaw") host.thaw();
    if (change === "drop-connections") host.dropConnections();
    if (change === "power-off") instance.shutDownFromInside();
    return asJson(200, { ok: true });
  }
}

function runningConfig({ delays, throttling, denied }: Cloud): object {
  return { delays, throttling, denied };
}

function json(request: WireRequest): unknown {
  return JSON.parse(request.body.toString("utf8") || "null");
}

function asJson(status: number, value: unknown): Answer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function text(status: number, body: string): Answer {
  return { status, headers: { "content-type": "text/plain" }, body };
}
