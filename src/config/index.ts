export { describeConfig, type LaterSection, laterSections } from "./describe.ts";
export { formatDuration, type Milliseconds, parseDuration } from "./duration.ts";
export { FIELDS, type Field, FieldMissing, type FieldValues, fillAll, fillFields } from "./fields.ts";
export { jsonSchema } from "./json-schema.ts";
export { configFromRaw, type LoadedConfig, type LoadResult, loadConfig } from "./load.ts";
export { type ConfigProblem, formatProblems } from "./problem.ts";
export { configReference } from "./reference.ts";
export { type ConfigHolder, createConfigHolder, type ReloadResult } from "./reload.ts";
export * from "./schema/access.ts";
export { type Config, configSchema } from "./schema/config.ts";
export * from "./schema/environments.ts";
export { AFTER_TESTS, type SlotConfig, SSH_ADDRESSES, SWAPS, type Swap } from "./schema/slot.ts";
export type {
  AnsibleStep,
  LocalStep,
  ParallelSteps,
  RunStep,
  ServiceStep,
  ServiceStepOrGroup,
  ServiceUpdateConfig,
  WaitForStep,
} from "./schema/steps.ts";
export {
  BROWSERS,
  type Browser,
  RUNNERS,
  type Runner,
  type TestsConfig,
  type TestUser,
} from "./schema/tests.ts";
export type { HttpVerification, Verification } from "./schema/verify.ts";
export { type DeployWindow, parseWindow, type Weekday, type WindowsConfig } from "./schema/windows.ts";
export {
  formatSettingProblems,
  type GitHubSettings,
  LOG_LEVELS,
  type LogLevel,
  readSettings,
  type SettingProblem,
  type Settings,
  type SettingsOptions,
  type SettingsResult,
  type SlackSettings,
  withDotenv,
} from "./settings/index.ts";
export { targetsOf } from "./targets.ts";
export { canonicalJson } from "./tree.ts";
export type { Environment } from "./variables.ts";
