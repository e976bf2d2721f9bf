import { fileURLToPath } from "node:url";
import type { Application } from "../cloud/instances/application.ts";
import { Platform } from "./platform.ts";

export { SEEDED_PASSWORD, SEEDED_USERS } from "./settings.ts";

/** The application that runs on the local cloud's machines. */
export const sampleApplication: Application = {
  programs: fileURLToPath(new URL("./programs", import.meta.url)),
  start: (context) => Platform.start(context),
};
