import { formatDuration } from "../util/format.ts";
import { RemoteError } from "./errors.ts";

/** A host that was connected to, was lost, and is being looked for. */
export interface Outage {
  /** How the connection ended. */
  readonly fault: RemoteError;
  /** When it was lost, and when it will be given up; ms since 1970. */
  readonly since: number;
  readonly until: number;
}

/** Told of an outage when the host is looked for, and null once it is found again. */
export type OutageListener = (outage: Outage | null) => void;

/** What is known of a host's outage, and who wants to be told. */
export class Outages {
  readonly #listeners = new Set<OutageListener>();
  #lost: { readonly fault: RemoteError; readonly since: number } | undefined;
  #until: number | undefined;
  #told = false;

  /** @param outage that the host was in when an earlier process worked on it: its deadline still counts */
  constructor(outage?: Outage) {
    this.#lost = outage;
    this.#until = outage?.until;
    this.#told = outage !== undefined;
  }

  /** @returns ends the telling */
  watch(listener: OutageListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A connection has ended; with several of them the first one tells how it began. */
  lost(fault: RemoteError): void {
    this.#lost ??= { fault, since: Date.now() };
  }

  /** Somebody needs the host. @returns until when it is looked for, ms since 1970 */
  looking(withinMs: number): number {
    const until = this.#until ?? Date.now() + withinMs;
    if (this.#lost === undefined) return until;
    this.#until = until;
    this.#told = true;
    this.#tell({ ...this.#lost, until });
    return until;
  }

  found(): void {
    this.#lost = undefined;
    this.#until = undefined;
    if (this.#told) this.#tell(null);
    this.#told = false;
  }

  /**
   * The host is given up: named by how it was lost, since what a person looks for is why, and then by how the
   * last try to reach it went. A host that was never reached has only the latter.
   */
  gaveUp(last: RemoteError, withinMs: number): RemoteError {
    const lost = this.#lost?.fault;
    this.#until = undefined;
    const detail = typeof last.fields.detail === "string" ? last.fields.detail : last.message;
    const tried = `It could not be connected to again within ${formatDuration(withinMs)}: ${detail}.`;
    const { remedy } = lost ?? last;
    return new RemoteError(
      lost?.code ?? last.code,
      lost === undefined ? last.message : `${lost.message} ${tried}`,
      {
        ...(remedy !== undefined && { remedy }),
        fields: { ...last.fields, gaveUp: true },
        cause: last,
      },
    );
  }

  #tell(outage: Outage | null): void {
    for (const listener of this.#listeners) listener(outage);
  }
}
