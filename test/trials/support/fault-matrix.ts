import { FAULT_MODES, type FaultMode } from "../../../sandbox/cloud/server/faults.ts";
import type { AwsCall } from "../../crash/support/cloud.ts";
import type { Outcome, Stand } from "./stand.ts";

/** The cloud's own modes, and a missing permission. */
export type Mode = FaultMode | "denied";
export const MODES: readonly Mode[] = [...FAULT_MODES, "denied"];

/** Where in a launch a call stands: on the way there, or undoing. */
export interface CallSite {
  readonly slot: string;
  readonly action: string;
  /** How many calls of this action come before it: in all, or once `after` was called. */
  readonly skip: number;
  /** For calls of the cleanup, what may begin it: how many looks come before depends on the machine's speed. */
  readonly after?: readonly string[];
  readonly phase: "launch" | "cleanup";
}

export interface FaultCase extends CallSite {
  readonly mode: Mode;
}

export interface FaultResult {
  readonly case: FaultCase;
  readonly ended: string;
  readonly seconds: number;
  /** In words; empty: it is as it should be. */
  readonly wrong: readonly string[];
}

/** They go side by side: any of them may be the first. */
const UNDOING: readonly string[] = [
  "elasticloadbalancing:DeregisterTargets",
  "ec2:TerminateInstances",
  "ec2:RevokeSecurityGroupIngress",
];

/** The call sites of a launch that was traced: every action's first call, and its first one of the cleanup. */
export function callSites(slot: string, calls: readonly AwsCall[]): CallSite[] {
  const cleanupFrom = calls.findIndex(({ action }) => UNDOING.includes(action));
  const launch = calls.slice(0, cleanupFrom).map((call) => ({ ...call, phase: "launch" as const }));
  const cleanup = calls.slice(cleanupFrom).map((call) => ({ ...call, phase: "cleanup" as const }));
  const sites = new Map<string, CallSite>();
  const counts = new Map<string, number>();
  for (const { action, phase } of [...launch, ...cleanup]) {
    const key = `${phase} ${action}`;
    const skip = counts.get(key) ?? 0;
    counts.set(key, skip + 1);
    const site: CallSite = { slot, action, skip, phase, ...(phase === "cleanup" && { after: UNDOING }) };
    // The rule is turned several times, and each time is another deed; looks are all alike.
    if (!sites.has(key)) sites.set(key, site);
    else if (action.endsWith(":ModifyRule")) sites.set(`${key} ${skip}`, site);
  }
  return [...sites.values()];
}

/** Runs the launch with one fault armed, and looks at everything that it left. */
export async function playFault(stand: Stand, one: FaultCase): Promise<FaultResult> {
  const { trial } = stand;
  const began = Date.now();
  trial.begin();
  await stand.control("faults", [faultOf(one)]);
  await trial.say(`launch ${one.slot} --tests none`);
  const wrong: string[] = [];
  let ended = "not ended";
  try {
    const run = (await trial.untilEnded()) ?? (await trial.untilEnded());
    if (run) {
      const { outcome } = await stand.ended(run.id);
      ended = outcome.fault ? `${run.state} ${outcome.fault.code}` : run.state;
      wrong.push(...judge(one, run.state, outcome), ...(await trial.audit({ state: run.state })));
    } else {
      wrong.push(`not ended:\n${trial.bot.lastLines()}`);
    }
    const played = (await stand.calls(began)).some(({ fault }) => fault !== undefined);
    if (!played) wrong.push("the fault was not met");
  } finally {
    await stand.control("faults", []);
  }
  return { case: one, ended, seconds: (Date.now() - began) / 1000, wrong };
}

function faultOf({ action, mode, skip, after }: FaultCase): object {
  if (mode !== "denied") return { action, mode, skip, after };
  const code = action.startsWith("ec2:") ? "UnauthorizedOperation" : "AccessDenied";
  return { action, mode: "error-before", code, skip, after };
}

/** Looks to which "not found" is no answer: what was made a moment ago may not be seen everywhere yet. */
const LOOKS_BY_FILTER = ["ec2:DescribeInstances", "ec2:DescribeSecurityGroupRules"];

/** What time may heal is healed; what AWS refuses for good ends the run, and is named; cleanup goes on. */
export function isExpectedToFail({ action, mode, phase }: FaultCase): boolean {
  if (phase === "cleanup") return false;
  if (mode === "denied") return true;
  return mode === "notfound" && !LOOKS_BY_FILTER.includes(action);
}

function judge(one: FaultCase, state: string, { fault }: Outcome): string[] {
  if (!isExpectedToFail(one)) return state === "succeeded" ? [] : [`${state}: ${JSON.stringify(fault)}`];
  if (state !== "failed" || !fault) return [`${state} instead of failed`];
  const code = one.mode === "denied" ? "aws_denied" : "aws_not_found";
  return [
    ...(fault.code === code ? [] : [`failed as ${fault.code} instead of ${code}`]),
    ...(fault.message.includes(one.action) ? [] : [`“${fault.message}” does not name ${one.action}`]),
    ...(fault.remedy ? [] : ["no remedy"]),
  ];
}

/** Plays all cases on several stands at once, those that take longest first. */
export async function playAllFaults(
  stands: readonly Stand[],
  cases: readonly FaultCase[],
): Promise<FaultResult[]> {
  const hangs = ({ mode }: FaultCase) => mode.startsWith("hang");
  const queue = [...cases.filter(hangs), ...cases.filter((one) => !hangs(one))];
  const results: FaultResult[] = [];
  await Promise.all(
    stands.map(async (stand) => {
      for (let one = queue.shift(); one; one = queue.shift()) {
        const result = await playFault(stand, one);
        if (result.wrong.length > 0) {
          console.log(`${title(one)}: ${result.wrong.join("\n  ")}`);
          await stand.renew();
        }
        results.push(result);
      }
    }),
  );
  return results;
}

export function title({ slot, action, skip, phase, mode }: FaultCase): string {
  return `${slot} ${action} (${phase}, after ${skip}) ${mode}`;
}

/** One line per call site, one column per mode. */
export function table(results: readonly FaultResult[]): string {
  const rows = new Map<string, Map<string, string>>();
  for (const { case: one, ended, seconds, wrong } of results) {
    const name = `${one.slot} ${one.phase.padEnd(7)} ${one.action.replace("elasticloadbalancing", "elbv2")}${one.skip ? ` +${one.skip}` : ""}`;
    const row = rows.get(name) ?? new Map<string, string>();
    rows.set(name, row);
    const short = ended.replace("succeeded", "ok").replace("failed aws_", "× ");
    row.set(one.mode, `${wrong.length > 0 ? "!! " : ""}${short} ${Math.round(seconds)}s`);
  }
  const widest = Math.max(...[...rows.keys()].map((name) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(widest), ...cells.map((cell) => cell.padEnd(16))].join("  ").trimEnd();
  return [
    line("", MODES),
    ...[...rows.entries()].sort().map(([name, row]) =>
      line(
        name,
        MODES.map((mode) => row.get(mode) ?? ""),
      ),
    ),
  ].join("\n");
}
