import { rmSync } from "node:fs";
import type { JsonObject } from "../../src/util/json.ts";
import type { CloudConfigInput } from "../cloud/config.ts";
import { type Page, startPage } from "../page/server.ts";
import { startBot } from "./bot.ts";
import { type Child, Children } from "./children.ts";
import { cloudConfig } from "./cloud-config.ts";
import { type SandboxJson, writeWhole } from "./description.ts";
import { environmentFile } from "./environment.ts";
import { type SandboxFolder, takeFolder } from "./folder.ts";
import { botEnvironment, chooseAddresses, describe, pidsOf, writeKeys } from "./particulars.ts";
import { claimPorts, type PortBlock } from "./ports.ts";
import { endJobs, processStart, signalGroup } from "./processes.ts";
import { makeSecrets } from "./secrets.ts";
import { startServices } from "./services.ts";
import { configText, slipwayConfig } from "./slipway-config.ts";

const USUAL_PAGE_PORT = 3000;
/** A bot that is asked to end hands its work over to its next start; it gets so long for it. */
const PATIENCE_MS = 10_000;

export interface SandboxOptions {
  /** Its folder; made when absent, emptied unless `keep`. */
  readonly dir: string;
  /** False: everything but the bot. */
  readonly bot?: boolean;
  readonly keep?: boolean;
  /** The bot speaks to Slack over web sockets that it opens, instead of being called by HTTP. */
  readonly socketMode?: boolean;
  /** The page's port; 3000 or a free one when not given, 0 for any. */
  readonly port?: number;
  /** Changes the cloud's configuration, such as its delays, before it starts. */
  readonly cloud?: (config: CloudConfigInput) => CloudConfigInput;
  /** Changes the bot's configuration before it is written. */
  readonly config?: (config: JsonObject) => JsonObject;
  /** More variables for the bot's environment, over those that the sandbox sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** A process of the sandbox ended though nobody asked for it. */
  readonly onEnd?: (child: Child, result: Awaited<Child["ended"]>) => void;
}

export interface Sandbox {
  readonly json: SandboxJson;
  /** Absolute path of its folder. */
  readonly dir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Starts the bot (again); resolves with its process group when it is ready. */
  startBot(): Promise<Child>;
  /** Ends everything; nothing of it stays behind. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a whole sandbox; several may run at once, each in a folder of its own. Throws a SlipwayError
 * (`sandbox_running`, `not_a_sandbox`, `port_taken`, `sandbox_child_ended`, …), leaving nothing running.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const folder = takeFolder(options.dir, options.keep ?? false);
  const parts: Partial<{ ports: PortBlock; page: Page; children: Children }> = {};
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll(folder, parts);
    return stopped;
  };
  try {
    return await start(options, folder, parts, stop, () => stopped !== undefined);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: SandboxOptions,
  folder: SandboxFolder,
  parts: Partial<{ ports: PortBlock; page: Page; children: Children }>,
  stop: () => Promise<void>,
  isStopping: () => boolean,
): Promise<Sandbox> {
  parts.children = new Children(folder.path);
  const children = parts.children;
  parts.ports = await claimPorts();
  const addresses = await chooseAddresses(parts.ports);
  const secrets = await makeSecrets();
  const socketMode = options.socketMode ?? false;
  const json = describe(addresses, secrets);
  const environment = {
    ...botEnvironment(folder, addresses, secrets, socketMode),
    ...options.env,
  };
  writeKeys(folder, secrets);
  const slotUrls = Object.fromEntries(Object.entries(json.slots).map(([name, slot]) => [name, slot.url]));
  const config = slipwayConfig({ awsEndpoint: json.aws.endpoint, botUrl: json.bot, slotUrls });
  writeWhole(folder.file("slipway.yml"), configText(options.config?.(config) ?? config));
  writeWhole(folder.file("sandbox.env"), environmentFile(environment));

  const cloud = cloudConfig(
    { port: addresses.cloudPort, folder: folder.file("cloud"), slotPorts: addresses.slotPorts },
    secrets,
  );
  const own: { bot?: Child; restart?: Promise<unknown> } = {};
  /** Killed on purpose: that it ended is no news. */
  const killed = new Set<Child>();
  const killBot = async () => {
    // One that somebody else has started is somebody else's to kill.
    if (!own.bot?.isRunning() && !own.restart) return false;
    if (own.bot) own.restart ??= restartBot(own.bot).finally(() => delete own.restart);
    await own.restart;
    return true;
  };
  const restartBot = async (bot: Child) => {
    killed.add(bot);
    signalGroup(bot.pid, "SIGKILL");
    await bot.ended;
    if (!isStopping()) await sandbox.startBot();
  };
  const page = (port: number) => startPage({ port, json, directory: folder.path, killBot });
  parts.page =
    options.port === undefined ? await page(USUAL_PAGE_PORT).catch(() => page(0)) : await page(options.port);
  json.console = parts.page.url;
  const simulated = options.cloud?.(cloud) ?? cloud;
  const services = await startServices(children, folder, addresses, secrets, socketMode, simulated);
  const watch = (child: Child) => {
    child.ended.then((result) => {
      if (!isStopping() && !killed.has(child)) options.onEnd?.(child, result);
    });
  };
  const sandbox: Sandbox = {
    json,
    dir: folder.path,
    environment,
    async startBot() {
      const child = await startBot(children, folder, json.bot);
      watch(child);
      own.bot = child;
      json.pids.bot = child.pid;
      writeWhole(folder.file("sandbox.json"), `${JSON.stringify(json, null, 2)}\n`);
      return child;
    },
    stop,
  };
  Object.assign(json.pids, pidsOf(services));
  for (const child of Object.values(services)) watch(child);
  if (options.bot ?? true) await sandbox.startBot();
  else writeWhole(folder.file("sandbox.json"), `${JSON.stringify(json, null, 2)}\n`);
  return sandbox;
}

async function stopAll(
  folder: SandboxFolder,
  parts: Partial<{ ports: PortBlock; page: Page; children: Children }>,
): Promise<void> {
  await parts.children?.endAll(PATIENCE_MS);
  await endJobs(folder.path, processStart(process.pid));
  await parts.page?.close();
  await parts.ports?.release();
  // Whoever finds the file may rely on what it says.
  rmSync(folder.file("sandbox.json"), { force: true });
  folder.unlock();
}
