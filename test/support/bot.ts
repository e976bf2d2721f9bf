import { rm } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { parseCommand } from "../../commands/grammar.ts";
import { commandsByName, fallback } from "../../commands/index.ts";
import { refusalText } from "../../commands/lib/refusal-text.ts";
import { withImplied } from "../../commands/lib/roles.ts";
import { toPlain } from "../../commands/lib/text.ts";
import type { CommandServices, CommitSource, Outcome } from "../../commands/services.ts";
import { appendAudit } from "../../db/audit.ts";
import { rememberConfig } from "../../db/configs.ts";
import { createDispatch, type Dispatch } from "../../handlers/dispatch.ts";
import type { Authority } from "../../handlers/roles.ts";
import { type LoadedConfig, loadConfig, type Role } from "../../src/config/index.ts";
import type { HandOff, Person } from "../../src/engine/types.ts";
import type { Clock } from "../../src/util/clock.ts";
import { Redactor } from "../../src/util/redact.ts";
import { TestEngine } from "./engine.ts";
import { SmallPipelines } from "./pipelines.ts";

export const dev: Person = { id: "slack:U0DEV", name: "Dev" };
export const dev2: Person = { id: "slack:U0DEV2", name: "Dora" };
export const maint: Person = { id: "slack:U0MAINT", name: "Mina" };
export const silent = pino({ level: "silent" });

const SLOT = `
    url: https://NAME.example.org
    ami: ami-12345678
    subnets: [subnet-11111111, subnet-22222222]
    securityGroup: sg-12345678
    ssh: { privateKey: "\${KEY}" }
    targetGroup: arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/NAME/0123456789abcde1`;

export const CONFIG = `
installation: test
slack: { channel: C0STAGING, team: T0ACME }
github: { repositories: [acme/web, acme/api] }
access:
  roles:
    viewer: { slack: [everyone] }
    developer: { slack: [S0DEVS, U0DEV, U0DEV2] }
    maintainer: { slack: [U0MAINT] }
    release: { slack: [U0REL] }
  people: { U0DEV: devhub }
slots:
  defaults:
    region: us-east-1
    instanceType: [t3.large, t3a.large]
    maxTtl: 24h
  stg1:${SLOT.replaceAll("NAME", "stg1")}
  stg2:${SLOT.replaceAll("NAME", "stg2")}
serviceUpdate:
  steps:
    - { name: Pull, run: 'git pull' }
    - parallel:
        - { name: Start web, run: 'web start' }
        - { name: Start api, run: 'api start' }
tests: { browsers: [chrome, firefox] }
environments: {}
`;

export const KEY = [
  "-----BEGIN OPENSSH PRIVATE KEY-----",
  "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQ==",
  "-----END OPENSSH PRIVATE KEY-----",
].join("\n");

export function loaded(text = CONFIG): LoadedConfig {
  const result = loadConfig(text, { KEY });
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.loaded;
}

/** A clock that a test can set forward. */
export class SteppingClock implements Clock {
  ahead = 0;
  now(): number {
    return Date.now() + this.ahead;
  }
}

/** The parts of the bot that lie between an entrance and the engine, on a real database file. */
export class TestBot {
  readonly parts: TestEngine;
  readonly pipelines: SmallPipelines;
  readonly services: CommandServices;
  readonly dispatch: Dispatch;
  readonly redact: Redactor;
  readonly clock: SteppingClock;

  private constructor(parts: TestEngine, pipelines: SmallPipelines, commits: CommitSource | null) {
    this.parts = parts;
    this.pipelines = pipelines;
    this.clock = new SteppingClock();
    const config = loaded();
    this.redact = new Redactor();
    for (const [name, value] of config.secrets) this.redact.add(name, value);
    this.services = {
      engine: parts.engine,
      config: () => config,
      rememberConfig: ({ hash, raw }) => rememberConfig(parts.db, hash, raw, 0),
      commits,
      clock: this.clock,
      dashboardUrl: "http://bot.example.org",
    };
    this.dispatch = createDispatch({
      services: this.services,
      audit: (entry) => appendAudit(parts.db, entry),
      redact: this.redact,
      log: silent,
    });
  }

  static async open(
    options: { commits?: CommitSource; file?: string; handOff?: HandOff } = {},
  ): Promise<TestBot> {
    const pipelines = new SmallPipelines();
    const parts = await TestEngine.open({
      pipelines: pipelines.all,
      kinds: pipelines.kinds,
      ...(options.file === undefined ? {} : { file: options.file }),
      ...(options.handOff && { settings: { handOff: options.handOff } }),
    });
    return new TestBot(parts, pipelines, options.commits ?? null);
  }

  /** Gives a command as this person with these roles. */
  async say(
    text: string,
    as: {
      person?: Person;
      roles?: readonly Role[];
      key?: string;
      interrupted?: boolean;
      late?: boolean;
      /** Where the command was given. */
      channel?: string;
    } = {},
  ): Promise<Outcome> {
    const authority: Authority = {
      person: as.person ?? dev,
      roles: withImplied(as.roles ?? ["developer"]),
      linked: [],
      withoutRoles: null,
    };
    const { outcome } = await this.dispatch({
      written: { text },
      via: "slack",
      prefix: "/stg",
      dedupeKey: as.key ?? null,
      origin: { channel: as.channel ?? "C0STAGING" },
      authority: async () => authority,
      late: as.late ?? false,
      interrupted: as.interrupted ?? false,
    });
    return outcome;
  }

  /** What the person would read. */
  async hear(text: string, as: Parameters<TestBot["say"]>[1] = {}): Promise<string> {
    return plain(await this.say(text, as));
  }

  async runCount(): Promise<number> {
    return (await this.parts.engine.runs({ limit: 500 })).length;
  }

  /** Launches and keeps, and waits for the run's end. */
  async keepSomethingOn(slot: string, as: Parameters<TestBot["say"]>[1] = {}): Promise<number> {
    const outcome = await this.say(`launch ${slot} --keep`, as);
    if (outcome.refused || !outcome.run) throw new Error(plain(outcome));
    await this.parts.ended(outcome.run.id);
    return outcome.run.id;
  }

  async close(): Promise<void> {
    this.pipelines.letGo();
    await this.parts.close();
    await rm(join(this.parts.file, ".."), { recursive: true, force: true });
  }
}

export function plain(outcome: Outcome): string {
  return toPlain(outcome.refused ? refusalText(outcome) : outcome.text);
}

export function parse(text: string) {
  return parseCommand(text, { commands: commandsByName, fallback, prefix: "/stg" });
}
