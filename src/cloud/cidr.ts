import { isIPv4, isIPv6 } from "node:net";

/** A network as AWS stores it: host bits cleared, IPv6 in its short form. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly text: string;
}

/** Reads `10.1.2.3/16` as AWS does, which makes it `10.1.0.0/16`. Undefined when it is not a network. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, bits, ...rest] = text.trim().split("/");
  if (address === undefined || bits === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits))
    return undefined;
  const length = Number(bits);
  if (isIPv4(address) && length <= 32) return { family: 4, text: `${maskIpv4(address, length)}/${length}` };
  if (isIPv6(address) && !address.includes("%") && length <= 128) {
    return { family: 6, text: `${maskIpv6(address, length)}/${length}` };
  }
  return undefined;
}

function maskIpv4(address: string, length: number): string {
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - length);
  const masked = Math.floor(number / size) * size;
  return [24, 16, 8, 0].map((shift) => Math.floor(masked / 2 ** shift) % 256).join(".");
}

function maskIpv6(address: string, length: number): string {
  const groups = expandIpv6(address);
  const masked = groups.map((group, index) => {
    const kept = Math.min(16, Math.max(0, length - index * 16));
    return group & ((0xffff << (16 - kept)) & 0xffff);
  });
  return shortIpv6(masked.map((group) => group.toString(16)).join(":"));
}

/** Eight numbers of 16 bits. */
function expandIpv6(address: string): number[] {
  const short = shortIpv6(address);
  const [head = "", tail] = short.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return groups(head);
  const missing = 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...Array<number>(missing).fill(0), ...groups(tail)];
}

/** The URL parser writes IPv6 in its canonical short form (RFC 5952), embedded IPv4 as hexadecimal. */
function shortIpv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
