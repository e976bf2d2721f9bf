import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ClientChannel } from "ssh2";
import ssh2 from "ssh2";
import { afterEach } from "vitest";
import { noApplication } from "../../sandbox/cloud/instances/application.ts";
import type { Application } from "../../sandbox/cloud/instances/index.ts";
import { Machine } from "../../sandbox/cloud/instances/index.ts";
import type { InstanceSpec } from "../../sandbox/cloud/ports.ts";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";

/** A key pair that every test machine lets in, and one that none knows. */
export const KEYS = newSshKeys();
export const OTHER_KEYS = newSshKeys();

const undo: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Runs at the end of the test, last registered first. */
export function later(step: () => Promise<unknown> | unknown): void {
  undo.push(step);
}

let machines = 0;

export async function freePort(address = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A machine's specification on an address and in a folder of its own. */
export async function machineSpec(
  settings: Readonly<Record<string, unknown>> = {},
  more: Partial<InstanceSpec> = {},
): Promise<InstanceSpec> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-machine-"));
  later(() => rm(folder, { recursive: true, force: true }));
  machines++;
  // The process id keeps test files that run at the same moment off each other's addresses.
  const address = `127.${100 + (process.pid % 100)}.${Math.floor(machines / 200)}.${1 + (machines % 200)}`;
  const instanceId = `i-${process.pid.toString(16).padStart(8, "0")}${machines.toString(16).padStart(9, "0")}`;
  return {
    instanceId,
    address,
    sshPort: 2222,
    httpPort: 8080,
    folder,
    userData: undefined,
    authorizedKeys: [KEYS.public],
    image: { imageId: "ami-0123456789abcdef0", name: "test", settings },
    tags: {},
    firstBoot: true,
    mayConnect: () => true,
    onShutdown: () => {},
    ...more,
  };
}

export async function boot(
  settings: Readonly<Record<string, unknown>> = {},
  more: Partial<InstanceSpec> = {},
  application: Application = noApplication,
): Promise<{ machine: Machine; spec: InstanceSpec }> {
  const spec = await machineSpec(settings, more);
  const machine = await Machine.boot(spec, application);
  later(() => machine.stop());
  return { machine, spec };
}

export interface Login {
  readonly client: Client;
  /** The host key that the server showed, base64. */
  readonly hostKey: string;
}

export function login(
  spec: Pick<InstanceSpec, "address" | "sshPort">,
  options: { privateKey?: string; readyTimeout?: number; username?: string } = {},
): Promise<Login> {
  const client = new ssh2.Client();
  later(() => client.destroy());
  return new Promise((resolve, reject) => {
    let hostKey = "";
    client.on("ready", () => resolve({ client, hostKey }));
    client.on("error", reject);
    client.connect({
      host: spec.address,
      port: spec.sshPort,
      username: options.username ?? "ubuntu",
      privateKey: options.privateKey ?? KEYS.private,
      readyTimeout: options.readyTimeout ?? 10_000,
      hostVerifier: (key: Buffer) => {
        hostKey = key.toString("base64");
        return true;
      },
    });
  });
}

export interface Ran {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Opens a session for a command. `attach` gets the channel before its first event can be missed. */
export function channelOf(
  client: Client,
  command: string,
  options: object = {},
  attach: (channel: ClientChannel) => void = () => {},
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, options, (error, channel) => {
      if (error) return reject(error);
      attach(channel);
      resolve(channel);
    });
  });
}

/** Runs a command to its end. */
export async function run(client: Client, command: string, options: object = {}, stdin = ""): Promise<Ran> {
  const ran = { status: null as number | null, signal: null as string | null, stdout: "", stderr: "" };
  let closed: Promise<unknown> = Promise.resolve();
  await channelOf(client, command, options, (channel) => {
    channel.on("data", (chunk: Buffer) => {
      ran.stdout += chunk.toString();
    });
    channel.stderr.on("data", (chunk: Buffer) => {
      ran.stderr += chunk.toString();
    });
    channel.on("exit", (code: number | null, name?: string) => {
      ran.status = code;
      ran.signal = name ?? null;
    });
    closed = new Promise((resolve) => channel.once("close", resolve));
    channel.end(stdin);
  });
  await closed;
  return ran;
}

/** Waits until a fact holds; fails with the last value after the time is up. */
export async function until<T>(
  read: () => Promise<T> | T,
  holds: (value: T) => boolean,
  ms = 10_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`Still not so after ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
