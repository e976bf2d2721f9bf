/** Kinds of obligation, by the names that the journal and the API use. Never renamed: journals live on. */
export const OWED = {
  instance: "instance",
  ingress: "ingress-rule",
  target: "target",
  oldTargets: "old-targets",
  forward: "listener-rule",
  remoteJob: "remote-job",
  localJob: "local-job",
  tests: "tests",
} as const;
