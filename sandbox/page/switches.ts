import type { SandboxJson } from "../supervisor/description.ts";

/** What can be made to go wrong from the page; each is a fault or a setting that the cloud and Slack have anyway. */
export interface Switch {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  /** Faults for the cloud. */
  readonly cloud?: readonly object[];
  /** Faults for Slack. */
  readonly slack?: readonly object[];
  /** How machines behave that start from now on. */
  readonly machines?: Readonly<Record<string, unknown>>;
}

export const SWITCHES: readonly Switch[] = [
  {
    name: "capacity",
    label: "AWS has no capacity",
    hint: "Every launch is refused, in every zone and of every type.",
    cloud: [
      { action: "ec2:RunInstances", mode: "error-before", code: "InsufficientInstanceCapacity", rate: 1 },
    ],
  },
  {
    name: "test",
    label: "A test fails",
    hint: "On machines launched from now on, one browser test finds a wrong sum.",
    machines: { application: { broken: true } },
  },
  {
    name: "ssh",
    label: "SSH never answers",
    hint: "Machines launched from now on cannot be reached.",
    machines: { reachable: false },
  },
  {
    name: "ratelimited",
    label: "Slack answers 429",
    hint: "Half of all posts and edits are refused: too many requests.",
    slack: [{ action: "chat.*", mode: "ratelimited", rate: 0.5, retryAfter: 1 }],
  },
];

/** The switches of one sandbox: those that are on are armed together. */
export class Switches {
  readonly #json: SandboxJson;
  readonly #on = new Set<string>();

  constructor(json: SandboxJson) {
    this.#json = json;
  }

  list(): readonly { name: string; label: string; hint: string; on: boolean }[] {
    return SWITCHES.map(({ name, label, hint }) => ({ name, label, hint, on: this.#on.has(name) }));
  }

  /** False when there is no such switch. */
  async set(name: string, on: boolean): Promise<boolean> {
    const changed = SWITCHES.find((one) => one.name === name);
    if (!changed) return false;
    if (on) this.#on.add(name);
    else this.#on.delete(name);
    const active = SWITCHES.filter((one) => this.#on.has(one.name));
    const { aws, slack } = this.#json;
    if (changed.cloud)
      await post(
        aws.endpoint,
        "faults",
        active.flatMap((one) => one.cloud ?? []),
      );
    if (changed.slack)
      await post(
        slack.api,
        "faults",
        active.flatMap((one) => one.slack ?? []),
      );
    if (changed.machines) {
      const machines = Object.assign({}, ...active.map((one) => one.machines ?? {})) as object;
      await post(aws.endpoint, "config", { machines });
    }
    return true;
  }
}

async function post(base: string, path: string, body: object): Promise<void> {
  const answer = await fetch(new URL(`/_sandbox/${path}`, base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
}
