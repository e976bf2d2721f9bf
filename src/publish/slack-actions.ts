import type { ActionsBlock, Button } from "@slack/types";
import { cutText } from "../util/format.ts";
import { hasEnded, type Kept, type Story } from "./story.ts";

/** What a run's buttons do, by their `action_id`; the button's value is the run's number. */
export const RUN_ACTIONS = {
  start: "run_start",
  pass: "run_pass",
  cancel: "run_cancel",
  logs: "run_logs",
  extend: "run_extend",
  retest: "run_retest",
  terminate: "run_terminate",
  retry: "run_retry",
} as const;
export type RunAction = keyof typeof RUN_ACTIONS;

/** A confirmation holds 300 characters. */
const LONGEST_NAME = 100;

/** How much the Extend button adds. */
export const EXTEND_BY = "1h";

/** The buttons that make sense in the run's state; each is also a command, so that nothing needs a mouse. Pure. */
export function runButtons(story: Story): ActionsBlock {
  const { run, kept } = story;
  const has = (action: RunAction): Button | null =>
    isOffered(action, story) ? runButton(action, run.id, kept) : null;
  const elements = [
    has("start"),
    has("pass"),
    has("cancel"),
    has("retest"),
    has("extend"),
    has("retry"),
    has("logs"),
    has("terminate"),
  ];
  return {
    type: "actions",
    block_id: `run-${run.id}-${kept !== null ? "kept" : story.offer !== null ? "offer" : "run"}`,
    elements: elements.filter((element) => element !== null),
  };
}

function isOffered(action: RunAction, { run, kept, offer }: Story): boolean {
  const ended = hasEnded(run);
  if (action === "start" || action === "pass") return offer !== null;
  if (action === "cancel" && offer !== null) return false;
  if (action === "logs") return run.startedAt !== null;
  if (action === "cancel") return run.outcome === null && !ended && run.cancelRequestedBy === null;
  // What it has left standing itself is tested again or ended; an earlier environment is in nobody's way.
  if (action === "retry") return ended && run.state !== "succeeded" && kept?.run !== run.id;
  if (!ended || kept === null) return false;
  return action === "retest" ? (run.tests?.failed ?? 0) > 0 : true;
}

/** What can be done with an environment that stands, known by a run that worked on it. Pure. */
export function standingButtons(runId: number, place: Place): ActionsBlock {
  return {
    type: "actions",
    elements: [runButton("extend", runId, place), runButton("terminate", runId, place)],
  };
}

/** Answers to the offer of a slot. Pure. */
export function offerButtons(runId: number): ActionsBlock {
  return { type: "actions", elements: [runButton("start", runId, null), runButton("pass", runId, null)] };
}

/** Asks for the same again. Pure. */
export function retryButton(runId: number): ActionsBlock {
  return { type: "actions", elements: [runButton("retry", runId, null)] };
}

/** Where something stands, and who has locked the slot beneath it. */
export type Place = Pick<Kept, "slot" | "lockedBy">;

/** What is said before an environment is ended. */
function endingText(place: Place | null): string {
  if (place === null) return "What stands on the slot is terminated.";
  const slot = cutText(place.slot, LONGEST_NAME);
  const then =
    place.lockedBy === null
      ? "the slot is free again"
      : `the slot stays locked by ${cutText(place.lockedBy, LONGEST_NAME)}`;
  return `The instance on ${slot} is terminated, and ${then}.`;
}

/** One button; what cannot be undone asks first. Pure. */
export function runButton(action: RunAction, runId: number, place: Place | null): Button {
  const common = { type: "button", action_id: RUN_ACTIONS[action], value: String(runId) } as const;
  const label = (text: string) => ({ type: "plain_text", text, emoji: false }) as const;
  const sure = (title: string, text: string, confirm: string) => ({
    confirm: { title: label(title), text: label(text), confirm: label(confirm), deny: label("Leave it") },
    style: "danger" as const,
  });
  switch (action) {
    case "start":
      return { ...common, text: label("Start now"), style: "primary" };
    case "pass":
      return { ...common, text: label("Pass") };
    case "cancel":
      return {
        ...common,
        text: label("Cancel"),
        ...sure("Cancel this run?", "It stops, and everything that it created is removed.", "Cancel the run"),
      };
    case "logs":
      return { ...common, text: label("Logs") };
    case "extend":
      return { ...common, text: label(`Extend by ${EXTEND_BY}`) };
    case "retest":
      return { ...common, text: label("Re-run failed tests"), style: "primary" };
    case "retry":
      return { ...common, text: label("Run again") };
    case "terminate":
      return {
        ...common,
        text: label("Terminate"),
        ...sure("End this environment?", endingText(place), "Terminate"),
      };
  }
}
