import { constants, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { appendAudit } from "../../db/audit.ts";
import { type OpenDatabase, openDatabase } from "../../db/connection.ts";
import { createDispatch } from "../../handlers/dispatch.ts";
import { createGitHubWebhooks } from "../../handlers/github/webhooks.ts";
import { createMetrics } from "../../handlers/http/metrics.ts";
import { createHttpServer } from "../../handlers/http/server.ts";
import { createCloud } from "../cloud/index.ts";
import {
  createConfigHolder,
  type Environment,
  formatProblems,
  type LoadedConfig,
  type Settings,
} from "../config/index.ts";
import { Engine } from "../engine/engine.ts";
import { ObligationKinds } from "../engine/obligation.ts";
import { type PipelineServices, pipelines, registerKinds } from "../pipelines/index.ts";
import { Sweeper } from "../pipelines/sweep.ts";
import { localExec } from "../remote/index.ts";
import { hostEnvironment, LISTING, localRunner, testRunners } from "../testing/index.ts";
import { systemClock } from "../util/clock.ts";
import { Redactor } from "../util/redact.ts";
import { AwsMetrics } from "./aws-metrics.ts";
import { commitSource, pinnedCommits } from "./commits.ts";
import { Configurations } from "./configurations.ts";
import { handOffBy } from "./hand-off.ts";
import { Housekeeping } from "./housekeeping.ts";
import { createLog } from "./log.ts";
import { derivedKey, masterSecret } from "./secret.ts";
import { createCommandServices } from "./services.ts";
import { currentEnvironment } from "./settings.ts";
import { createSurfaces } from "./surfaces.ts";

export interface Bot {
  readonly log: Logger;
  readonly port: number;
  /** Reads the configuration again; a bad one is told of and the old one stays. */
  reload(): Promise<void>;
  stop(why: string): Promise<void>;
}

interface BotInput {
  readonly settings: Settings;
  readonly loaded: LoadedConfig;
  readonly configFile: string;
}

interface Place {
  readonly processEnv: Environment;
  readonly cwd: string;
  readonly baseFolder: string;
}

/**
 * The composition root: makes every part and hands them to each other. Answers over HTTP begin before recovery has
 * ended, so that an event that arrives meanwhile is kept; `/readyz` says when it has.
 *
 * @throws SlipwayError when the database is in use, damaged or newer, or the master secret is exposed.
 */
export async function startBot(input: BotInput, place: Place): Promise<Bot> {
  const { settings, loaded } = input;
  const core = await openCore(input, place);
  const { log, redact, database, engine, commandServices, dispatch } = core;
  const surfaces = createSurfaces({
    settings: settings.slack ?? null,
    db: database.db,
    engine,
    services: commandServices,
    dispatch,
    log,
    redact,
  });
  const upkeep = createUpkeep(core);
  const state = { recovered: false };
  const http = createHttpServer({
    services: commandServices,
    dispatch,
    redact,
    log,
    slack: surfaces.entrance?.listener ?? null,
    github: settings.github
      ? createGitHubWebhooks({ secret: settings.github.webhookSecret, log: log.child({ part: "github" }) })
      : null,
    dashboardToken: settings.dashboardToken,
    terminalToken: derivedKey(core.secret, "terminal"),
    healthy: () => true,
    ready: () => reasonsNotReady(database, state.recovered),
    metrics: createMetrics(engine),
    registries: [core.awsMetrics.registry],
  });
  const { port } = await http.listen(settings.port, settings.host);
  const { resumed } = await engine.start();
  await surfaces.start();
  upkeep.start();
  state.recovered = true;
  tellWarnings(log, loaded);
  log.info(
    { port, resumed, slots: Object.keys(loaded.config.slots), config: loaded.hash.slice(0, 12) },
    "ready",
  );
  return {
    log,
    port,
    reload: () => reload(core, input.configFile),
    stop: async (why) => {
      log.info({ why, runs: engine.activeRuns }, "stopping; runs go on when it starts again");
      state.recovered = false;
      await Promise.all([http.close(), surfaces.entrance?.stop()]);
      await Promise.all([surfaces.stopHearing(), upkeep.stop()]);
      await engine.stop();
      await surfaces.stopTelling();
      core.cloud.close();
      rmSync(core.pidFile, { force: true });
      await database.close();
    },
  };
}

type Core = Awaited<ReturnType<typeof openCore>>;

/** What has no entrance: the database, the configuration, the engine and what commands need. */
async function openCore({ settings, loaded }: BotInput, place: Place) {
  const redact = new Redactor();
  const file = resolve(place.cwd, settings.database.file);
  for (const [name, value] of [...settings.secrets, ...loaded.secrets]) redact.add(name, value);
  const log = createLog(settings.logLevel, redact);
  const database = await openDatabase(file);
  if (database.unchecked.length > 0)
    log.info({ tables: database.unchecked }, "the database is large: not all of it was checked");
  const pidFile = writePid(file);
  const secret = masterSecret(settings.secret, file);
  redact.add("SLIPWAY_SECRET", secret);

  const environment = () => currentEnvironment(place.processEnv, place.cwd);
  const holder = createConfigHolder(loaded, environment);
  const configurations = new Configurations(database.db, environment, redact);
  await configurations.remember(loaded);
  const awsMetrics = new AwsMetrics();
  const cloud = createCloud({
    onCall: (call) => awsMetrics.observe(call),
    ownAddressUrl: loaded.config.network.ownAddressUrl,
  });
  const commits = commitSource(settings, holder, log);
  const services: PipelineServices = {
    cloud,
    commits: pinnedCommits(commits, holder),
    configOf: (hash) => configurations.of(hash),
    currentConfig: () => holder.current().config,
    masterSecret: secret,
    testRunners: localTests(file, redact),
    jobsFolder: `${file}.jobs`,
    artifactsFolder: `${file}.artifacts`,
    baseFolder: place.baseFolder,
    log,
  };
  const engine = await Engine.open({
    db: database.db,
    pipelines: pipelines(services),
    kinds: registerKinds(new ObligationKinds(), services),
    log,
    redact,
    configHash: () => configurations.newest,
    // Without Slack nobody could be asked.
    ...(settings.slack && { handOff: handOffBy(() => holder.current().config) }),
  });
  const commandServices = createCommandServices({ engine, holder, configurations, commits });
  const dispatch = createDispatch({
    services: commandServices,
    audit: (entry) => appendAudit(database.db, entry),
    redact,
    log,
  });
  const parts = { redact, log, database, pidFile, secret, holder, configurations, awsMetrics, cloud };
  return { ...parts, services, engine, commandServices, dispatch };
}

function localTests(databaseFile: string, redact: Redactor) {
  return testRunners(
    localRunner({
      transport: localExec(`${databaseFile}.jobs`),
      environment: hostEnvironment(process.env),
      clock: systemClock,
      redact: (text) => redact.text(text),
    }),
  );
}

/** What is looked after now and then: things in the cloud that nobody owes, and old files and rows. */
function createUpkeep({ cloud, engine, holder, database, services, log }: Core) {
  const clock = systemClock;
  const sweeper = new Sweeper({ cloud, engine, config: () => holder.current().config, clock, log });
  const folders = [
    services.artifactsFolder,
    join(services.jobsFolder, "jobs"),
    join(services.jobsFolder, LISTING),
  ];
  const giveBack = (pages: number) => database.giveBack(pages);
  const housekeeping = new Housekeeping({ db: database.db, giveBack, clock, log, folders });
  return {
    start: () => {
      sweeper.start();
      housekeeping.start();
    },
    stop: async () => {
      await Promise.all([sweeper.stop(), housekeeping.stop()]);
    },
  };
}

async function reload({ holder, log, redact, configurations }: Core, configFile: string): Promise<void> {
  const result = await holder.reload(() => readRegularFile(configFile));
  if (!result.ok) {
    const problems = formatProblems(result.problems, configFile, result.text ?? "");
    log.error({ problems }, "the new configuration is wrong; the old one stays in use");
    return;
  }
  for (const [name, value] of result.loaded.secrets) redact.add(name, value);
  configurations.forget();
  await configurations.remember(result.loaded);
  tellWarnings(log, result.loaded);
  log.info(
    { changed: result.changed, config: result.loaded.hash.slice(0, 12) },
    "configuration read again; runs keep the one they began with",
  );
}

/** Reading anything else, such as a pipe that nobody writes into, might never end. */
async function readRegularFile(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Error(`${file} is no regular file`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** What is allowed and yet odd: said whenever the configuration is read. */
function tellWarnings(log: Logger, { warnings }: LoadedConfig): void {
  for (const { line, path, message } of warnings) log.warn({ line, path }, message);
}

/** Signals must reach this process, and `npm start` stands between it and whoever started it. */
function writePid(databaseFile: string): string {
  const pidFile = `${databaseFile}.pid`;
  writeFileSync(pidFile, `${process.pid}\n`);
  return pidFile;
}

function reasonsNotReady(database: OpenDatabase, recovered: boolean): string[] {
  return [
    ...(recovered ? [] : ["recovery is under way"]),
    ...(database.writable() ? [] : ["the database cannot be written"]),
  ];
}
