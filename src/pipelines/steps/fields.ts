import { fillFields, type ServiceStep, type ServiceStepOrGroup } from "../../config/index.ts";
import type { SlotContext } from "../services.ts";
import { fieldValues, type Subject } from "./service-update.ts";

/** Not known yet, and never missing. */
const SOME_HOST = { address: "0.0.0.0" };

/**
 * What the service update and the tests name in braces must be there: asked before anything is created for it, and not
 * where it is used, half an hour later.
 *
 * @throws FieldMissing for the first that this run does not have, such as `{pr}` without a pull request
 */
export function requireFields(
  context: SlotContext,
  subject: Subject,
  uses: { readonly update: boolean; readonly tests: boolean },
): void {
  const { serviceUpdate, tests } = context.config;
  const values = fieldValues(context, SOME_HOST, subject);
  const templates = [
    ...(uses.update ? Object.values(serviceUpdate.env) : []),
    ...(uses.update ? serviceUpdate.steps.flatMap(templatesOf) : []),
    ...(uses.tests ? Object.values(tests?.env ?? {}) : []),
  ];
  for (const template of templates) fillFields(template, values);
}

function templatesOf(step: ServiceStepOrGroup): readonly string[] {
  return step.kind === "parallel" ? step.parallel.flatMap(templatesOf) : ownTemplates(step);
}

function ownTemplates(step: ServiceStep): readonly string[] {
  const env = Object.values(step.env);
  if (step.kind === "local") return [...env, ...step.local];
  if (step.kind === "waitFor") return [...env, step.waitFor];
  if (step.kind !== "ansible") return env;
  return [...env, ...Object.values(step.ansible.extraVars).filter((value) => typeof value === "string")];
}
