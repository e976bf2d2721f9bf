/**
 * Every reason for which Slipway says no, with its meaning. Codes are stable: programs may rely on them.
 * `docs/reason-codes.md` is this list; a test keeps the two equal.
 */
export const reasonCodes = {
  // What was written
  unknown_command: "The first word is no command.",
  unknown_option: "The command has no option of this name.",
  duplicate_option: "The same option was given twice.",
  missing_value: "An option that needs a value has none.",
  unexpected_value: "An option that takes no value was given one.",
  missing_argument: "The command needs a word that is not there.",
  too_many_words: "There are more words than the command takes.",
  invalid_value: "A value is not of the right form.",
  conflicting_options: "Two options contradict each other.",
  unclosed_quote: "A quotation mark is opened and not closed.",
  too_long: "The command is longer than 2,000 characters.",
  control_characters: "The command contains control characters or several lines.",
  // Who asks
  role_missing: "The person does not have the role that the command needs.",
  unknown_person: "The person is not known to the workspace, or the account is deactivated.",
  guest: "Guests have no role.",
  other_workspace: "The person belongs to another workspace.",
  bot_person: "Another bot asks; bots have no role.",
  permission_lookup_failed:
    "Slack could not be asked who the person is or which user groups they are in; the refusal says when to try again.",
  // What is there
  unknown_slot: "The configuration has no slot of this name.",
  unknown_target: "The configuration has no slot or environment of this name.",
  no_slots: "The configuration has no slot that would do.",
  unknown_run: "There is no run of this number.",
  unknown_step: "The run has no step of this name.",
  nothing_there: "No instance stands on the slot.",
  slot_taken: "The slot is taken and the command was not to wait.",
  slot_busy: "A run is at work on the slot.",
  not_holder: "Somebody else holds the slot.",
  slot_dirty: "The slot's cleanup is not confirmed.",
  target_in_use:
    "What stands on another slot, such as one that was renamed, uses this slot's target group or listener rule.",
  not_dirty: "The slot needs no cleaning.",
  not_locked: "The slot is free: there is nothing to unlock.",
  no_end: "The slot is locked without an end: there is nothing to extend.",
  force_needed: "The slot is another person's; a maintainer must say --force.",
  not_queued: "The person does not wait for the slot.",
  slot_offered: "The slot is reserved for a run whose turn has come, until its requester answers.",
  not_offered: "The run is offered no slot, or the slot is offered to nobody.",
  offer_over: "The turn that was offered is over: it ran out, or was given up.",
  max_ttl_reached: "The slot's longest life (maxTtl) is reached.",
  max_lock_reached: "The slot is locked for as long as a lock can be (30 days).",
  environment_kept: "An environment is kept on the slot: extend and terminate change its time, not lock.",
  run_ended: "The run has ended.",
  run_cleaning_up: "The run has done its work; only its cleanup goes on, which nothing stops.",
  run_active: "The run has not ended.",
  not_retryable: "A run of this kind cannot be repeated.",
  no_tests: "The configuration has no tests.",
  browser_not_configured: "The configuration's tests do not name this browser.",
  no_failed_tests: "There is no failed test to run again.",
  // Commits
  github_not_configured:
    "GitHub is not set up, so a pull request, branch or short commit cannot be looked up.",
  github_unreachable: "GitHub did not answer, or not as it documents.",
  github_refused: "GitHub does not let this App see the repository.",
  github_rate_limited: "GitHub limits how often the App may ask; the refusal says until when.",
  repository_not_allowed: "The repository is not one that the slot may run.",
  commit_not_found: "The repository has no such commit, or the short form is ambiguous.",
  ref_not_found: "The repository has no such branch or tag.",
  pull_request_not_found: "The repository has no such pull request.",
  pull_request_closed: "The pull request is closed.",
  fork_refused: "The pull request comes from a fork.",
  commit_not_reachable:
    "Forks are refused, and the commit is not known to be in the repository itself rather than in a fork of it.",
  head_moved:
    "The pull request, branch or tag that was named is at another commit than the one that was shown.",
  other_commit_stands: "Another commit stands on the slot than the one that the run worked on.",
  // The bot itself
  not_available: "This version of Slipway does not do this yet.",
  too_late: "The command was found more than 15 minutes late and was not run.",
  interrupted: "The bot was interrupted while it did this; it was not done again.",
  internal_error: "Something failed inside the bot.",
} as const satisfies Readonly<Record<string, string>>;

export type ReasonCode = keyof typeof reasonCodes;

export function isReasonCode(text: string): text is ReasonCode {
  return Object.hasOwn(reasonCodes, text);
}
