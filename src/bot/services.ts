import type { CommandServices, CommitSource } from "../../commands/services.ts";
import type { ConfigHolder } from "../config/index.ts";
import type { EngineApi } from "../engine/types.ts";
import { systemClock } from "../util/clock.ts";
import type { Configurations } from "./configurations.ts";

export interface ServiceParts {
  readonly engine: EngineApi;
  readonly holder: ConfigHolder;
  readonly configurations: Configurations;
  readonly commits: CommitSource | null;
}

/** What commands may use. */
export function createCommandServices({
  engine,
  holder,
  configurations,
  commits,
}: ServiceParts): CommandServices {
  return {
    engine,
    config: () => holder.current(),
    rememberConfig: (config) => configurations.remember(config),
    commits,
    clock: systemClock,
    get dashboardUrl() {
      return holder.current().config.network.publicUrl?.replace(/\/+$/, "") ?? null;
    },
  };
}
