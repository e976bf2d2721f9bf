import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../../src/util/json.ts";

/** Holds runs in the middle of their service update until it is opened. */
export class Gate {
  readonly folder = mkdtempSync(join(tmpdir(), "slipway-gate-"));
  readonly #file = join(this.folder, "shut");

  shut(): void {
    writeFileSync(this.#file, "");
  }

  open(): void {
    rmSync(this.#file, { force: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A service update that brings the sample platform up and waits at the gate. */
  serviceUpdate(): JsonObject {
    return {
      env: { GATE: this.#file },
      steps: [
        { name: "Start LMS", run: "platform lms start" },
        { name: "Start services", run: "docker compose up -d" },
        { name: "Gate", run: 'while [ -e "$GATE" ]; do sleep 0.05; done' },
        { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
      ],
    };
  }
}
