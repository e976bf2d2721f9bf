import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../src/util/clock.ts";

/**
 * Who may see the dashboard and `/api`.
 *
 * With a token: whoever shows it, as a bearer or by the cookie that the sign-in page sets in exchange for it.
 * Without one: only a person on this machine who asks directly. A forwarding header betrays a proxy, behind
 * which anybody may stand; a Host that is not loopback betrays a page that made a browser ask (DNS rebinding).
 */
export interface Gate {
  allows(request: IncomingMessage): boolean;
  /** A cookie's value for whoever gives the right token; null for a wrong one. */
  signIn(token: string): string | null;
  readonly hasToken: boolean;
}

export const SESSION_COOKIE = "slipway_session";
export const SESSION_S = 12 * 3_600;

export function createGate(options: {
  dashboardToken: string | undefined;
  /** The operator's own token opens `/api` too. */
  terminalToken: string;
  clock: Clock;
}): Gate {
  const { dashboardToken, terminalToken, clock } = options;
  const sign = (expires: string) =>
    createHmac("sha256", dashboardToken ?? "")
      .update(`slipway dashboard ${expires}`)
      .digest("hex");
  const validSession = (value: string): boolean => {
    const [expires = "", signature = ""] = value.split(".");
    return (
      /^\d{1,12}$/.test(expires) && Number(expires) * 1000 > clock.now() && same(signature, sign(expires))
    );
  };
  return {
    hasToken: dashboardToken !== undefined,
    allows: (request) => {
      const bearer = bearerOf(request);
      if (bearer !== null && same(bearer, terminalToken)) return true;
      if (dashboardToken === undefined) return isDirectLoopback(request);
      if (bearer !== null) return same(bearer, dashboardToken);
      const session = cookieOf(request, SESSION_COOKIE);
      return session !== null && validSession(session);
    },
    signIn: (token) => {
      if (dashboardToken === undefined || !same(token, dashboardToken)) return null;
      const expires = String(Math.floor(clock.now() / 1000) + SESSION_S);
      return `${expires}.${sign(expires)}`;
    },
  };
}

/** Equal, in a time that tells nothing about where they differ. */
export function same(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

export function bearerOf(request: IncomingMessage): string | null {
  return /^Bearer ([\x21-\x7e]{1,500})$/i.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

function cookieOf(request: IncomingMessage, name: string): string | null {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value !== undefined) return value;
  }
  return null;
}

const FORWARDING = /^(?:forwarded|via|x-forwarded-.+|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/;

export function isDirectLoopback(request: IncomingMessage): boolean {
  if (!isLoopbackAddress(request.socket.remoteAddress ?? "")) return false;
  if (Object.keys(request.headers).some((name) => FORWARDING.test(name))) return false;
  return /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i.test(
    request.headers.host ?? "",
  );
}

function isLoopbackAddress(address: string): boolean {
  return /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === "::1";
}
