import type { IncomingMessage, ServerResponse } from "node:http";

export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** What the path's groups matched. */
  readonly parts: readonly string[];
}

export interface Route {
  /** For metrics; never a path with a number in it. */
  readonly name: string;
  readonly path: RegExp;
  readonly methods: Readonly<Record<string, (visit: Visit) => Promise<void> | void>>;
}
