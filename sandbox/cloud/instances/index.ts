import type { InstanceHost } from "../ports.ts";
import { type Application, noApplication } from "./application.ts";
import { Machine } from "./machine.ts";
import { mergeSettings, readSettings } from "./settings.ts";

export type { Application, ApplicationContext, ProgramCall, RunningApplication } from "./application.ts";
export { Machine } from "./machine.ts";
export type { MachineSettings } from "./settings.ts";

/** Boots machines that run the given application beside their SSH server. */
export function createInstanceHost(application: Application = noApplication): InstanceHost {
  let otherwise: Readonly<Record<string, unknown>> = {};
  return {
    start: (spec) => {
      const settings = mergeSettings(spec.image.settings, otherwise);
      return Machine.boot({ ...spec, image: { ...spec.image, settings } }, application);
    },
    configure: (settings) => {
      readSettings(settings);
      otherwise = settings;
    },
  };
}
