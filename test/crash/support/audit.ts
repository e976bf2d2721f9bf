import { sleep } from "../../../src/util/clock.ts";
import { awsCalls, launchedSince, leftInCloud, violations } from "./cloud.ts";
import type { JournalReader, RunRow, StepRow } from "./journal.ts";
import { livingJobs, type Tally } from "./tally.ts";
import { SERVICE_JOBS, type Yard } from "./yard.ts";

/** What was known when the bot was killed. */
export interface AtKill {
  /** ms since 1970 */
  readonly at: number;
  /** Undefined when the run was not in the journal yet. */
  readonly run: RunRow | undefined;
  readonly steps: readonly StepRow[];
  readonly tally: Tally;
}

export interface CaseFacts {
  readonly yard: Yard;
  readonly journal: JournalReader;
  /** ms since 1970; everything since then belongs to the case. */
  readonly since: number;
  /** Runs with a greater id belong to the case. */
  readonly lastRunId: number;
  readonly kills: readonly AtKill[];
  /** What jobs have noted in the case. */
  readonly tally: Tally;
}

/** What is right at the end; a launch that succeeded unless said. */
export interface Expectation {
  /** How the (first) run ended. */
  readonly state?: string;
  readonly runs?: number;
  /** Instances that were there before, with what is theirs. */
  readonly standing?: readonly string[];
  /** Jobs that each begin and end once in a run that succeeded. */
  readonly jobs?: readonly string[];
}

/** Steps whose effect, once journaled, must not be asked for again, by their names' beginnings. */
const EFFECTS: readonly { readonly step: RegExp; readonly action: string }[] = [
  { step: /(^|\/)Launch /, action: "ec2:RunInstances" },
  { step: /(^|\/)Open port /, action: "ec2:AuthorizeSecurityGroupIngress" },
  { step: /^Load balancer sees it healthy$/, action: "elasticloadbalancing:RegisterTargets" },
  { step: /^cleanup\/target:/, action: "elasticloadbalancing:DeregisterTargets" },
  { step: /^cleanup\/ingress-rule:/, action: "ec2:RevokeSecurityGroupIngress" },
  { step: /^cleanup\/instance:/, action: "ec2:TerminateInstances" },
];

/** Everything that is wrong after a case, in words; empty: it is as it should be. */
export async function audit(facts: CaseFacts, expectation: Expectation = {}): Promise<string[]> {
  const { journal, lastRunId } = facts;
  const expected = { state: "succeeded", runs: 1, jobs: SERVICE_JOBS, standing: [], ...expectation };
  const runs = journal.runs().filter(({ id }) => id > lastRunId);
  const [run] = runs;
  if (!run || runs.length !== expected.runs) return [`${runs.length} runs instead of ${expected.runs}`];
  const succeeded = expected.state === "succeeded" && run.state === "succeeded";
  return [
    ...(run.state === expected.state ? [] : [`the run ${run.state}: ${run.reason}`]),
    ...bookkeeping(journal),
    ...(await leftInCloud(facts.yard, expected.standing)).map((thing) => `left in the cloud: ${thing}`),
    ...(await launches(facts, succeeded)),
    ...facts.kills.flatMap((kill) => resumption(facts, run, kill)),
    ...(await repetitions(facts)),
    ...jobs(facts.tally, succeeded ? expected.jobs : []),
    ...(await processes(facts.yard)),
    ...(await violations(facts.yard)).map(
      (violation) => `against AWS's shapes: ${JSON.stringify(violation)}`,
    ),
  ];
}

function bookkeeping(journal: JournalReader): string[] {
  return [
    ...journal.openObligations().map(({ id, state }) => `still owed: ${id} (${state})`),
    ...journal.heldLeases().map((lease) => `lease: ${lease}`),
    ...(journal.queued() > 0 ? [`${journal.queued()} still queued`] : []),
    ...(journal.unhandledEvents() > 0 ? [`${journal.unhandledEvents()} events not handled`] : []),
  ];
}

async function launches({ yard, since }: CaseFacts, succeeded: boolean): Promise<string[]> {
  const launched = await launchedSince(yard, since);
  const tokens = (await awsCalls(yard, since))
    .filter(({ action }) => action === "ec2:RunInstances")
    .map(({ parameters }) => String((parameters as { ClientToken?: unknown }).ClientToken));
  const distinct = new Set(tokens).size;
  return [
    ...(launched.length > 1 ? [`launched ${launched.length} instances: ${JSON.stringify(launched)}`] : []),
    ...(launched.length === 0 && succeeded ? ["no instance"] : []),
    ...(distinct > 1 ? [`${distinct} client tokens`] : []),
  ];
}

/** The same run went on: what it had finished was taken from the journal. */
function resumption({ journal }: CaseFacts, run: RunRow, kill: AtKill): string[] {
  if (kill.run && kill.run.uuid !== run.uuid) return ["another run came in the killed one's place"];
  const after = new Map(journal.steps(run.id).map((step) => [step.path, step]));
  return kill.steps
    .filter(({ state }) => state === "succeeded")
    .filter((before) => JSON.stringify(after.get(before.path)) !== JSON.stringify(before))
    .map(({ path }) => `the finished step “${path}” was done again`);
}

async function repetitions({ yard, kills }: CaseFacts): Promise<string[]> {
  const [kill] = kills;
  if (!kill) return [];
  const calls = await awsCalls(yard, kill.at);
  return kill.steps.flatMap(({ path, state }) => {
    const effect = EFFECTS.find(({ step }) => step.test(path));
    if (state !== "succeeded" || !effect) return [];
    const again = calls.filter(({ action }) => action === effect.action).length;
    return again > 0 ? [`${effect.action} again, although “${path}” was finished`] : [];
  });
}

/** A job that was running is joined: none ever begins twice, and these have begun and ended once. */
function jobs(tally: Tally, whole: readonly string[]): string[] {
  const twice = Object.entries(tally).filter(([, times]) => times > 1);
  const missing = whole.flatMap((job) => [`begin ${job}`, `end ${job}`]).filter((event) => !tally[event]);
  return [
    ...twice.map(([event, times]) => `${times} times “${event}”`),
    ...missing.map((event) => `never “${event}”`),
  ];
}

/** A process that was told to end takes a moment. */
async function processes({ tally }: Yard): Promise<string[]> {
  for (let tries = 0; tries < 40; tries++) {
    if (livingJobs(tally).length === 0) return [];
    await sleep(50);
  }
  return livingJobs(tally).map((pid) => `a job's process lives: ${pid}`);
}
