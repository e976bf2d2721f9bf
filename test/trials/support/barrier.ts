import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../../src/util/json.ts";

/** Holds the runs of single slots in the middle of their service update, each until it is let go. */
export class Barrier {
  readonly folder = mkdtempSync(join(tmpdir(), "slipway-barrier-"));

  hold(slot: string): void {
    writeFileSync(join(this.folder, slot), "");
  }

  letGo(slot: string): void {
    rmSync(join(this.folder, slot), { force: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Brings the sample platform up, waits at the barrier, and has something to do after it. */
  serviceUpdate(after = "true"): JsonObject {
    return {
      env: { BARRIER: this.folder },
      steps: [
        { name: "Start LMS", run: "platform lms start" },
        { name: "Start services", run: "docker compose up -d" },
        { name: "Barrier", run: 'while [ -e "$BARRIER/$SLIPWAY_SLOT" ]; do sleep 0.05; done', timeout: "5m" },
        { name: "After", run: after },
        { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
      ],
    };
  }
}
