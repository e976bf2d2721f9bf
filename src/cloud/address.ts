import { isIPv4, isIPv6 } from "node:net";
import { messageOf, SlipwayError } from "../util/errors.ts";
import { systemTimers, type Timers } from "./timers.ts";

export const DEFAULT_OWN_ADDRESS_URL = "https://checkip.amazonaws.com";

const FRESH_MS = 30_000;
const TIMEOUT_MS = 5_000;
/** An address is at most 45 characters; more is a page of some proxy. */
const MOST_BYTES = 256;

export interface OwnAddressOptions {
  /** Answers a GET with the address that it came from, as plain text. */
  readonly url?: string | undefined;
  readonly timers?: Timers;
}

/**
 * The bot's own public address, for ingress rules. It may change during a run, so it is asked again after 30
 * s; callers at the same moment share one request.
 */
export class OwnAddress {
  readonly #url: string;
  readonly #timers: Timers;
  #known: { readonly cidr: string; readonly at: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor({ url = DEFAULT_OWN_ADDRESS_URL, timers = systemTimers }: OwnAddressOptions = {}) {
    this.#url = url;
    this.#timers = timers;
  }

  /**
   * As a network of one address, e.g. `203.0.113.7/32`.
   *
   * @throws SlipwayError `own_address_unreachable`, `own_address_unreadable`, `own_address_ipv6`.
   */
  async cidr(): Promise<string> {
    const age = this.#known ? Math.abs(this.#timers.now() - this.#known.at) : Number.POSITIVE_INFINITY;
    if (this.#known && age < FRESH_MS) return this.#known.cidr;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  async #ask(): Promise<string> {
    const address = readAddress(await this.#get(), this.#url);
    this.#known = { cidr: `${address}/32`, at: this.#timers.now() };
    return this.#known.cidr;
  }

  async #get(): Promise<string> {
    try {
      const response = await fetch(this.#url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return await firstBytes(response);
    } catch (error) {
      const cause = error instanceof Error && error.cause ? error.cause : error;
      throw new SlipwayError(
        "own_address_unreachable",
        `the bot's own address is unknown: ${this.#url} gave no answer (${messageOf(cause)})`,
        { cause: error, remedy: `Allow the bot to reach it, ${ADVICE}.`, fields: { url: this.#url } },
      );
    }
  }
}

const ADVICE = "or set `network.ownAddressUrl`, or the slot's `ingress.from` to the bot's network";

async function firstBytes(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MOST_BYTES) break;
  }
  return text;
}

/** Strictly one IPv4 address and white space. */
export function readAddress(text: string, url: string): string {
  // What is longer was cut off: even if its beginning looks like an address, it is something else.
  const address = text.length > MOST_BYTES ? "" : text.trim();
  if (isIPv4(address) && address !== "0.0.0.0") return address;
  if (isIPv6(address)) {
    throw new SlipwayError("own_address_ipv6", `${url} saw the bot at the IPv6 address ${address}`, {
      remedy: `Let the bot leave by IPv4, ${ADVICE}: rules are opened for one IPv4 address.`,
      fields: { url, address },
    });
  }
  throw new SlipwayError("own_address_unreadable", `${url} did not answer with an IP address`, {
    remedy: `Check what it answers (\`curl ${url}\`), ${ADVICE}.`,
    fields: { url, answer: text.slice(0, 80) },
  });
}
