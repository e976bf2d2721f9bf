import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { appendAudit } from "../../db/audit.ts";
import { type OpenDatabase, openDatabase } from "../../db/connection.ts";
import { createDispatch } from "../../handlers/dispatch.ts";
import { createGitHubWebhooks } from "../../handlers/github/webhooks.ts";
import { createMetrics } from "../../handlers/http/metrics.ts";
import { createHttpServer } from "../../handlers/http/server.ts";
import { postAlarms } from "../../handlers/slack/alarms.ts";
import { createSlack } from "../../handlers/slack/index.ts";
import { Notices } from "../../handlers/slack/notices.ts";
import { createSlackPublisher } from "../../handlers/slack/publisher.ts";
import { createCloud } from "../cloud/index.ts";
import {
  createConfigHolder,
  type Environment,
  formatProblems,
  type LoadedConfig,
  type Settings,
} from "../config/index.ts";
import { Engine } from "../engine/engine.ts";
import { Inbox } from "../engine/inbox.ts";
import { ObligationKinds } from "../engine/obligation.ts";
import { Outbox } from "../engine/outbox.ts";
import { type PipelineServices, pipelines, registerKinds } from "../pipelines/index.ts";
import { Sweeper } from "../pipelines/sweep.ts";
import { localExec } from "../remote/index.ts";
import { hostEnvironment, LISTING, localRunner, testRunners } from "../testing/index.ts";
import { systemClock } from "../util/clock.ts";
import { Redactor } from "../util/redact.ts";
import { AwsMetrics } from "./aws-metrics.ts";
import { Configurations } from "./configurations.ts";
import { Housekeeping } from "./housekeeping.ts";
import { createLog } from "./log.ts";
import { derivedKey, masterSecret } from "./secret.ts";
import { createCommandServices } from "./services.ts";
import { currentEnvironment } from "./settings.ts";

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

/**
 * The composition root: makes every part and hands them to each other. Answers over HTTP begin before recovery has
 * ended, so that an event that arrives meanwhile is kept; `/readyz` says when it has.
 *
 * @throws SlipwayError when the database is in use, damaged or newer, or the master secret is exposed.
 */
export async function startBot(
  { settings, loaded, configFile }: BotInput,
  place: { processEnv: Environment; cwd: string; baseFolder: string },
): Promise<Bot> {
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
  const awsMetrics = new AwsMetrics();
  const cloud = createCloud({
    onCall: (call) => awsMetrics.observe(call),
    ownAddressUrl: loaded.config.network.ownAddressUrl,
  });
  const services: PipelineServices = {
    cloud,
    configOf: (hash) => configurations.of(hash),
    masterSecret: secret,
    testRunners: testRunners(
      localRunner({
        transport: localExec(`${file}.jobs`),
        environment: hostEnvironment(process.env),
        clock: systemClock,
        redact: (text) => redact.text(text),
      }),
    ),
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
  });
  const commandServices = createCommandServices({ engine, holder, configurations, settings, log });
  const dispatch = createDispatch({
    services: commandServices,
    audit: (entry) => appendAudit(database.db, entry),
    redact,
    log,
  });

  const slack = settings.slack
    ? createSlack({
        settings: settings.slack,
        services: commandServices,
        dispatch,
        clock: systemClock,
        guard: engine.guard,
        log,
        redact,
      })
    : null;
  const inbox = new Inbox({
    guard: engine.guard,
    clock: systemClock,
    log,
    handlers: slack ? { slack: slack.inboxHandler } : {},
  });
  const outbox = new Outbox({
    guard: engine.guard,
    clock: systemClock,
    log,
    surfaces: slack ? { slack: slack.send } : {},
    alarm: (message) => log.error(message),
  });
  if (slack) {
    postAlarms({
      engine,
      outbox,
      channel: () => holder.current().config.slack?.channel ?? null,
      log,
    });
  }
  const entrance = slack?.connect({ inbox, outbox }) ?? null;
  const publisher = slack
    ? createSlackPublisher({
        db: database.db,
        client: slack.client,
        budget: slack.budget,
        messages: slack.messages,
        services: commandServices,
        redact,
        log,
        clock: systemClock,
      })
    : null;

  const notices = slack ? new Notices({ services: commandServices, outbox, redact, log }) : null;

  const sweeper = new Sweeper({
    cloud,
    engine,
    config: () => holder.current().config,
    clock: systemClock,
    log,
  });
  const housekeeping = new Housekeeping({
    db: database.db,
    giveBack: (pages) => database.giveBack(pages),
    clock: systemClock,
    log,
    folders: [
      services.artifactsFolder,
      join(services.jobsFolder, "jobs"),
      join(services.jobsFolder, LISTING),
    ],
  });

  let recovered = false;
  const http = createHttpServer({
    services: commandServices,
    dispatch,
    redact,
    log,
    slack: entrance?.listener ?? null,
    github: settings.github
      ? createGitHubWebhooks({ secret: settings.github.webhookSecret, log: log.child({ part: "github" }) })
      : null,
    dashboardToken: settings.dashboardToken,
    terminalToken: derivedKey(secret, "terminal"),
    healthy: () => true,
    ready: () => reasonsNotReady(database, recovered),
    metrics: createMetrics(engine),
    registries: [awsMetrics.registry],
  });
  const { port } = await http.listen(settings.port, settings.host);
  const { resumed } = await engine.start();
  await inbox.start();
  await outbox.start();
  await publisher?.start();
  notices?.start();
  await entrance?.start();
  sweeper.start();
  housekeeping.start();
  recovered = true;
  for (const warning of loaded.warnings)
    log.warn({ line: warning.line, path: warning.path }, warning.message);
  log.info(
    { port, resumed, slots: Object.keys(loaded.config.slots), config: loaded.hash.slice(0, 12) },
    "ready",
  );

  return {
    log,
    port,
    reload: async () => {
      const result = await holder.reload(() => readFileSync(configFile, "utf8"));
      if (!result.ok) {
        const problems = formatProblems(result.problems, configFile, result.text ?? "");
        log.error({ problems }, "the new configuration is wrong; the old one stays in use");
        return;
      }
      for (const [name, value] of result.loaded.secrets) redact.add(name, value);
      configurations.forget();
      log.info(
        { changed: result.changed, config: result.loaded.hash.slice(0, 12) },
        "configuration read again; runs keep the one they began with",
      );
    },
    stop: async (why) => {
      log.info({ why, runs: engine.activeRuns }, "stopping; runs go on when it starts again");
      recovered = false;
      await Promise.all([http.close(), entrance?.stop()]);
      await Promise.all([inbox.stop(), notices?.stop(), sweeper.stop(), housekeeping.stop()]);
      await engine.stop();
      await Promise.all([outbox.stop(), publisher?.stop()]);
      cloud.close();
      rmSync(pidFile, { force: true });
      await database.close();
    },
  };
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
