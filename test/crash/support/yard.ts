import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudConfigInput } from "../../../sandbox/cloud/config.ts";
import { PEOPLE } from "../../../sandbox/slack/people.ts";
import type { SandboxJson } from "../../../sandbox/supervisor/description.ts";
import { startSandbox } from "../../../sandbox/supervisor/start.ts";
import type { JsonObject } from "../../../src/util/json.ts";

/** Long enough for a kill at any write around it to find the job running. */
const LONG_JOB_S = 0.3;

/** A cloud and a Slack without a bot: where the bots of many cases are started, killed and counted after. */
export interface Yard {
  readonly json: SandboxJson;
  readonly folder: string;
  /** What a bot's environment holds, but for its database. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where jobs on the instance and on the bot's machine note that they began and ended. */
  readonly tally: string;
  close(): Promise<void>;
}

export interface YardOptions {
  /** Changes the configuration before it is written. */
  readonly config?: (config: JsonObject) => JsonObject;
  /** Changes the cloud, which takes as short as it can, before it starts. */
  readonly cloud?: (config: CloudConfigInput) => CloudConfigInput;
  /** More variables for the bots' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the bots have GitHub, and look commits up there. */
  readonly github?: boolean;
  /** How long the service update's longest job takes. */
  readonly longJobSeconds?: number;
}

/** As many cases at a time as there are yards: two are what a machine of two processors bears. */
export async function openYards(options: YardOptions = {}): Promise<Yard[]> {
  return await Promise.all([openYard(options), openYard(options)]);
}

export async function openYard(options: YardOptions = {}): Promise<Yard> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-crash-"));
  const tally = join(folder, "tally");
  const sandbox = await startSandbox({
    dir: join(folder, "sandbox"),
    bot: false,
    port: 0,
    env: options.env ?? {},
    cloud: (config) => options.cloud?.(quick(config)) ?? quick(config),
    config: (config) => {
      const small: JsonObject = {
        ...config,
        access: people(),
        serviceUpdate: smallUpdate(tally, options.longJobSeconds ?? LONG_JOB_S),
      };
      return options.config?.(small) ?? small;
    },
  });
  return {
    json: sandbox.json,
    folder,
    environment: options.github ? sandbox.environment : withoutGitHub(sandbox.environment),
    tally,
    close: async () => {
      await sandbox.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * By name, so that a bot need not ask Slack for its groups after each of its many starts: more of them than there
 * ever are in production would meet Slack's limit of such questions.
 */
function people(): JsonObject {
  const named = (...names: string[]) => ({ slack: names.map(personNamed) });
  return {
    roles: {
      viewer: { slack: ["everyone"] },
      developer: named("developer", "developer2"),
      maintainer: named("maintainer"),
      release: named("release"),
    },
  };
}

function personNamed(name: string): string {
  const person = PEOPLE.find((one) => one.name === name);
  if (!person) throw new Error(`Slack knows no ${name}.`);
  return person.id;
}

/** Everything takes as short as it can while still being seen to take time. */
function quick(config: CloudConfigInput): CloudConfigInput {
  return {
    ...config,
    delays: { pending: 100, sshReady: 50, terminate: 100 },
    regions: config.regions.map((region) => ({
      ...region,
      images: region.images.map((image) => ({
        ...image,
        settings: { ...image.settings, application: { lmsStartMs: 10, collectstaticMs: 50, migrateMs: 10 } },
      })),
      targetGroups: (region.targetGroups ?? []).map((group) => ({
        ...group,
        healthCheck: { ...group.healthCheck, intervalSeconds: 0.1, healthyThreshold: 2 },
        deregistrationDelaySeconds: 0.2,
      })),
    })),
  };
}

/** Each job notes when it begins and when it ends: a job that was started twice is seen. */
function smallUpdate(tally: string, longJobSeconds: number): JsonObject {
  const noted = (name: string, work: string) =>
    `echo "begin ${name}" >> "$TALLY"; ${work} && echo "end ${name}" >> "$TALLY"`;
  // What it says while it runs is journaled, up to where it was read: a write in the middle of a job.
  const talk = "echo one; sleep 0.1; echo two";
  return {
    env: { TALLY: tally },
    steps: [
      {
        parallel: [
          { name: "Start LMS", run: noted("lms", "platform lms start"), timeout: "30s" },
          { name: "Start services", run: noted("services", "docker compose up -d"), timeout: "60s" },
        ],
      },
      { name: "Long job", run: noted("long", `${talk}; sleep ${longJobSeconds}`), timeout: "60s" },
      { name: "Local job", local: ["sh", "-c", noted("local", "sleep 0.1")], timeout: "30s" },
      { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
    ],
  };
}

/** Jobs of the service update that note themselves. */
export const SERVICE_JOBS = ["lms", "services", "long", "local"] as const;

/** Most cases are about the cloud; a commit need not be looked up for them. */
function withoutGitHub(environment: Readonly<Record<string, string>>): Record<string, string> {
  const github = ["APP_ID", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET", "GITHUB_API_URL"];
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !github.includes(name)));
}
