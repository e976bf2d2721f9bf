import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApplicationContext, ProgramCall, RunningApplication } from "../cloud/instances/application.ts";
import { Container, type ContainerImage, wait } from "./container.ts";
import { Gate } from "./gate.ts";
import { credentialKeys, type OAuthCredentials, Records } from "./records.ts";
import { auth } from "./services/auth.ts";
import { dm } from "./services/dm.ts";
import { sendHtml } from "./services/http.ts";
import { lms } from "./services/lms.ts";
import { mentor } from "./services/mentor.ts";
import { skillsPage } from "./services/pages.ts";
import { PORTS } from "./services/ports.ts";
import { proxy } from "./services/proxy.ts";
import { accounts, readSampleSettings, type SampleSettings } from "./settings.ts";
import { answerCall } from "./words/index.ts";

/** Compose projects: which containers each folder's docker-compose.yml describes. */
export const PROJECTS = {
  dm: ["web", "celery", "postgres"],
  auth: ["auth"],
  mentor: ["mentor"],
  skills: ["skills"],
  proxy: ["proxy"],
} as const;

export const COMPOSE_SERVICES: readonly string[] = Object.values(PROJECTS).flat();

/**
 * The sample platform on one machine, after a real one: LMS, DM, three single-page applications and a proxy,
 * as containers that are startable but not running on a fresh machine. The proxy alone runs from boot (its
 * restart policy says so) and answers 503 until what it fronts has been started.
 */
export class Platform implements RunningApplication {
  readonly context: ApplicationContext;
  readonly records: Records;
  readonly containers = new Map<string, Container>();
  readonly #gate = new Gate();
  #settings: SampleSettings;
  #mentorEmptyUntil = 0;
  #authCredentials: OAuthCredentials = { clientId: "", clientSecret: "" };

  private constructor(context: ApplicationContext) {
    this.context = context;
    this.records = new Records(context.root);
    this.#settings = readSampleSettings(context.settings);
    for (const image of this.#images()) this.containers.set(image.name, new Container(image, this.#gate));
  }

  static async start(context: ApplicationContext): Promise<Platform> {
    const platform = new Platform(context);
    await platform.#layOut();
    if (context.firstBoot || !platform.records.hasLms) platform.renewApplications();
    const front = platform.container("proxy");
    await front.up();
    await front.ready();
    return platform;
  }

  /**
   * Makes new OAuth applications in the LMS database; credentials that others hold are stale from then on.
   */
  renewApplications(): void {
    this.records.renewApplications();
  }

  get settings(): SampleSettings {
    return this.#settings;
  }

  container(name: string): Container {
    const container = this.containers.get(name);
    if (container === undefined) throw new Error(`no such service: ${name}`);
    return container;
  }

  /** The commit that the web application runs: the one it was created with. */
  version(): string {
    const container = this.container("mentor");
    return container.running ? container.configuration : this.records.config().ref;
  }

  isBroken(): boolean {
    const version = this.version();
    const { broken, brokenRefs } = this.#settings;
    return broken || this.records.markedBroken || brokenRefs.some((ref) => version.startsWith(ref));
  }

  #images(): ContainerImage[] {
    const { address, httpPort } = this.context;
    const version = () => this.version();
    const ref = () => this.records.config().ref;
    const broken = () => this.isBroken();
    const credentials = () => this.#authCredentials;
    const empty = () => Date.now() < this.#mentorEmptyUntil;
    const services = () => this.#answering();
    const settings = () => this.#settings;
    return [
      {
        name: "lms",
        address,
        port: PORTS.lms,
        handler: lms(this.records, () => accounts(settings())),
        prepare: (signal) => wait(settings().lmsStartMs, signal),
      },
      {
        name: "web",
        address,
        port: PORTS.dm,
        handler: dm(address, broken),
        prepare: (signal) => this.#collectStatic(signal),
      },
      { name: "celery", address },
      { name: "postgres", address },
      {
        name: "mentor",
        address,
        port: PORTS.mentor,
        handler: mentor({ address, version, empty }),
        configuration: ref,
        created: () => {
          this.#mentorEmptyUntil = Date.now() + settings().mentorEmptyMs;
        },
        restarted: () => {
          this.#mentorEmptyUntil = 0;
        },
      },
      {
        name: "auth",
        address,
        port: PORTS.auth,
        handler: auth({ address, version, credentials }),
        configuration: () => JSON.stringify(this.#configuredCredentials()),
        prepare: async () => {
          this.#authCredentials = this.#configuredCredentials();
        },
      },
      {
        name: "skills",
        address,
        port: PORTS.skills,
        handler: (_request, response) => sendHtml(response, 200, skillsPage(version())),
        configuration: ref,
      },
      { name: "proxy", address, port: httpPort, handler: proxy({ address, version, services }) },
    ];
  }

  #configuredCredentials(): OAuthCredentials {
    const { values } = this.records.config();
    const keys = credentialKeys("spa-sso");
    return { clientId: values[keys.id] ?? "", clientSecret: values[keys.secret] ?? "" };
  }

  /** DM's entry point: every start of the container collects the static files before it serves. */
  async #collectStatic(signal: AbortSignal): Promise<void> {
    await this.#log("dm", "collectstatic started");
    await wait(this.#settings.collectstaticMs, signal);
    await this.#log("dm", "collectstatic finished");
  }

  async #log(service: string, line: string): Promise<void> {
    await appendFile(
      join(this.context.root, `var/log/${service}.log`),
      `${new Date().toISOString()} ${line}\n`,
    );
  }

  #answering(): Record<string, boolean> {
    const names = ["lms", "web", "mentor", "auth", "skills"];
    const empty = Date.now() < this.#mentorEmptyUntil;
    return Object.fromEntries(
      names.map((name) => [name, this.container(name).listening && !(name === "mentor" && empty)]),
    );
  }

  async #layOut(): Promise<void> {
    const { home } = this.context;
    await writeFile(join(home, "docker-compose.yml"), composeFile(COMPOSE_SERVICES));
    for (const [project, services] of Object.entries(PROJECTS)) {
      const folder = join(home, "services", project);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "docker-compose.yml"), composeFile(services));
    }
  }

  call(call: ProgramCall): Promise<number> {
    return answerCall(this, call);
  }

  configure(settings: Readonly<Record<string, unknown>>): void {
    this.#settings = readSampleSettings(settings);
  }

  freeze(): void {
    this.#gate.shut();
  }

  thaw(): void {
    this.#gate.reopen();
  }

  ports(): readonly number[] {
    const listening = [...this.containers.values()].filter((container) => container.listening);
    return listening.map((container) => container.image.port).filter((port) => port !== undefined);
  }

  async stop(): Promise<void> {
    this.#gate.reopen();
    await Promise.all([...this.containers.values()].map((container) => container.down()));
  }
}

/** A Compose file that names its services; `docker compose` on the machine reads exactly this. */
function composeFile(services: readonly string[]): string {
  return `services:\n${services.map((name) => `  ${name}: { image: sample/${name} }\n`).join("")}`;
}
