import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostJob, InstanceSpec, RunningHost } from "../ports.ts";
import type { Application, ProgramCall, RunningApplication } from "./application.ts";
import { parseAuthorizedKeys } from "./authentication.ts";
import { CallDesk } from "./calls.ts";
import { Commands } from "./commands.ts";
import { SmallDisk } from "./disk.ts";
import { commandEnvironment, type MachinePlace } from "./environment.ts";
import { layOut, writeInstanceData } from "./folder.ts";
import { bakedHostKey, makeHostKey } from "./host-keys.ts";
import { jobsOf, killAll } from "./processes.ts";
import { type MachineSettings, mergeSettings, readSettings } from "./settings.ts";
import { ShutdownClock } from "./shutdown-clock.ts";
import { Sshd } from "./sshd.ts";
import { systemProgram } from "./system-programs.ts";
import { applyUserData, keepHostKey, keptHostKey, writeReport } from "./user-data/apply.ts";

/** A program that turns the machine off gets its answer first. */
const POWER_OFF_AFTER_MS = 50;

/**
 * One machine. Boot, in this order: the disk is laid out; what an earlier life of this instance left running
 * is killed; user data is applied (first boot only); the shutdown timers on the disk are armed; the
 * application comes up; sshd opens (a slow boot resolves before that, so that the machine can be stopped
 * meanwhile). `stop` takes it all away again and is the only way out.
 */
export class Machine implements RunningHost {
  readonly #spec: InstanceSpec;
  readonly #place: MachinePlace;
  readonly #commands: Commands;
  readonly #desk: CallDesk;
  readonly #sshd: Sshd;
  readonly #clock = new ShutdownClock();
  readonly #stopping = new AbortController();
  #settings: MachineSettings;
  #hostKey = "";
  #application: RunningApplication | undefined;
  #stopped: Promise<void> | undefined;
  #poweringOff = false;

  private constructor(spec: InstanceSpec) {
    this.#spec = spec;
    this.#settings = readSettings(spec.image.settings);
    const { user } = this.#settings;
    const home = user === "root" ? join(spec.folder, "root") : join(spec.folder, "home", user);
    const { instanceId, address, sshPort } = spec;
    this.#place = { instanceId, address, sshPort, root: spec.folder, home, user };
    this.#commands = new Commands(this.#place);
    this.#desk = new CallDesk(spec.folder, (call) => this.#answer(call));
    this.#sshd = new Sshd({
      address: spec.address,
      port: spec.sshPort,
      keys: parseAuthorizedKeys(spec.authorizedKeys),
      root: spec.folder,
      home,
      settings: () => this.#settings,
      hostKey: () => this.#hostKey,
      mayConnect: (source) => source === spec.address || spec.mayConnect(source, spec.sshPort),
      startCommand: (connected) => this.#commands.starter(connected),
      diskFull: () => this.#commands.smallDisk !== undefined,
    });
  }

  /** Boots a machine; whatever fails on the way, nothing of it stays running. */
  static async boot(spec: InstanceSpec, application: Application): Promise<Machine> {
    const machine = new Machine(spec);
    try {
      await machine.#boot(application);
      return machine;
    } catch (error) {
      await machine.stop();
      throw error;
    }
  }

  async #boot(application: Application): Promise<void> {
    const { folder, instanceId, firstBoot } = this.#spec;
    await killAll(instanceId, []);
    const earlierKey = await keptHostKey(folder);
    await layOut(folder, this.#place.home, [application.programs]);
    await writeInstanceData(folder, instanceId);
    const bakedKey = this.#settings.bakedHostKey ?? earlierKey ?? bakedHostKey(this.#spec.image.imageId);
    const ownKey = firstBoot ? await this.#cloudInit() : (earlierKey ?? bakedKey);
    await this.#armTimers();
    await this.#desk.open();
    this.#application = await application.start(this.#applicationContext());
    if (!this.#settings.reachable) this.#application.freeze();
    // After the application has put its files there: the small disk keeps what it covers.
    await this.#makeSmallDisk();
    const openSsh = (): Promise<void> => {
      this.#showHostKeys(firstBoot ? bakedKey : ownKey, ownKey);
      return this.#sshd.listen();
    };
    if (this.#settings.sshAfterMs === 0) await openSsh();
    else this.#later(this.#settings.sshAfterMs, openSsh);
  }

  /** Does something later, unless the machine is stopped before. */
  #later(ms: number, work: () => Promise<void> | void): void {
    sleep(ms, undefined, { signal: this.#stopping.signal })
      .then(work, () => {})
      .catch((error: unknown) => {
        console.error(`${this.#spec.instanceId}:`, error);
      });
  }

  /** Applies user data, and returns the host key: the injected one or, as on every first boot, a new one. */
  async #cloudInit(): Promise<string> {
    const { folder, instanceId, address, userData } = this.#spec;
    const applied = await applyUserData(folder, userData, { instanceId, address });
    await writeReport(folder, applied);
    const key = applied.hostKey ?? makeHostKey();
    await keepHostKey(folder, key);
    return key;
  }

  async #armTimers(): Promise<void> {
    await this.#clock.arm({
      root: this.#spec.folder,
      instanceId: this.#spec.instanceId,
      firstBoot: this.#spec.firstBoot,
      now: Date.now,
      due: (unit) => this.#powerOff(`${unit} was due`),
    });
  }

  #showHostKeys(first: string, then: string): void {
    this.#hostKey = then;
    const { bakedHostKeyMs } = this.#settings;
    if (first === then || bakedHostKeyMs === 0) return;
    this.#hostKey = first;
    this.#later(bakedHostKeyMs, () => {
      this.#hostKey = then;
    });
  }

  #applicationContext() {
    const { instanceId, address, httpPort, folder, firstBoot } = this.#spec;
    return {
      instanceId,
      address,
      httpPort,
      root: folder,
      home: this.#place.home,
      firstBoot,
      settings: this.#settings.application,
    };
  }

  async #answer(call: ProgramCall): Promise<number> {
    const actions = { address: this.#spec.address, powerOff: (reason: string) => this.#powerOff(reason) };
    const status = await systemProgram(call, actions);
    if (status !== undefined) return status;
    if (this.#application !== undefined) return this.#application.call(call);
    call.stderr(`${call.words[0]}: the machine's services are still starting\n`);
    return 1;
  }

  #powerOff(reason: string): void {
    if (this.#stopped !== undefined || this.#poweringOff) return;
    this.#poweringOff = true;
    sleep(POWER_OFF_AFTER_MS)
      .then(() => this.stop())
      .then(() => this.#spec.onShutdown(reason))
      .catch((error: unknown) => console.error(`${this.#spec.instanceId} did not turn off`, error));
  }

  async #makeSmallDisk(): Promise<void> {
    const free = this.#settings.homeFreeKiB;
    const before = this.#commands.smallDisk;
    this.#commands.smallDisk = undefined;
    before?.remove();
    if (free === null) return;
    this.#commands.smallDisk = await SmallDisk.make(
      this.#place.home,
      free,
      commandEnvironment(this.#place, {}),
    );
  }

  /** Changes how the machine behaves from now on; keys that are not named keep their value. */
  async reconfigure(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const disk = this.#settings.homeFreeKiB;
    this.#settings = readSettings(mergeSettings(this.#settings, changes));
    if ("drop" in changes) this.#sshd.resetDrops();
    if (this.#settings.homeFreeKiB !== disk) await this.#makeSmallDisk();
    this.#application?.configure(this.#settings.application);
    if ("reachable" in changes) {
      if (this.#settings.reachable) this.#application?.thaw();
      else this.#application?.freeze();
    }
  }

  freeze(): void {
    this.#sshd.freeze();
    this.#application?.freeze();
  }

  thaw(): void {
    this.#sshd.thaw();
    this.#application?.thaw();
  }

  dropConnections(): void {
    this.#sshd.dropConnections();
  }

  jobs(): Promise<readonly HostJob[]> {
    const holder = this.#commands.smallDisk?.pid;
    return jobsOf(this.#spec.instanceId, new Set(holder === undefined ? [] : [holder]));
  }

  ports(): readonly number[] {
    const ssh = this.#sshd.listening ? [this.#spec.sshPort] : [];
    return [...ssh, ...(this.#application?.ports() ?? [])];
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#clock.stop();
    this.#desk.close();
    await this.#sshd.close();
    await this.#application?.stop();
    this.#commands.smallDisk?.remove();
    await killAll(this.#spec.instanceId, this.#commands.groups);
  }
}
