/**
 * What runs on a machine besides sshd: services that listen on its address, driven by programs on its disk.
 */

export interface ApplicationContext {
  readonly instanceId: string;
  readonly address: string;
  readonly httpPort: number;
  /** The machine's disk: its own `/`. */
  readonly root: string;
  readonly home: string;
  readonly firstBoot: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A program that was called on the machine: its words (program name first) and where. */
export interface ProgramCall {
  readonly words: readonly string[];
  readonly directory: string;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
}

export interface RunningApplication {
  /** Does what a program asks; resolves with its exit status. */
  call(call: ProgramCall): Promise<number>;
  configure(settings: Readonly<Record<string, unknown>>): void;
  /** Accepts connections and answers nothing until thawed. */
  freeze(): void;
  thaw(): void;
  ports(): readonly number[];
  stop(): Promise<void>;
}

export interface Application {
  /** A folder whose files are installed, executable, in the machine's `bin`. */
  readonly programs: string;
  start(context: ApplicationContext): Promise<RunningApplication>;
}

/** A machine on which nothing runs but sshd. */
export const noApplication: Application = {
  programs: "",
  start: async () => ({
    call: async (call) => {
      call.stderr(`${call.words[0]}: nothing on this machine answers\n`);
      return 127;
    },
    configure: () => {},
    freeze: () => {},
    thaw: () => {},
    ports: () => [],
    stop: async () => {},
  }),
};
