import BetterSqlite3 from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { databaseOf } from "../crash/support/bot.ts";
import { Gate } from "./support/gate.ts";
import { threadOf } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const gate = new Gate();
let stand: Stand;

beforeAll(async () => {
  const { env, steps } = gate.serviceUpdate() as { env: object; steps: object[] };
  const optional = { name: "Optional", run: "exit 3", continueOnError: true };
  stand = await Stand.open({
    config: (config) => ({ ...config, serviceUpdate: { env, steps: [optional, ...steps] } as never }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  gate.remove();
}, 60_000);

/** As when the bot is killed after it has written a cancel down and before it has carried it out. */
function cancelInJournal(runId: number): void {
  const db = new BetterSqlite3(databaseOf(stand.trial.folder));
  db.prepare("update runs set cancel_requested_at = ?, cancel_requested_by = 'Ann' where id = ?").run(
    Date.now(),
    runId,
  );
  db.close();
}

it("a step that may fail is told as failed, that the run went on, and the run succeeds", async () => {
  const { id } = await stand.begin("launch stg2 --tests none");
  expect((await stand.ended(id)).outcome.state).toBe("succeeded");
  const thread = await threadOf(stand, id);
  expect(thread).toMatch(/✗ \*Optional\* failed: [^\n]*\n(?:```[\s\S]*```\n)?The run went on without it/);
  expect(thread).toMatch(/✓ The services are updated \(5 steps, 1 failed, /);
}, 90_000);

it("a run cancelled across a restart ends cancelled, although a step that may fail had failed before", async () => {
  gate.shut();
  const { id } = await stand.begin("launch stg1 --tests none");
  await stand.untilStep(id, /Gate$/);
  await stand.trial.kill();
  cancelInJournal(id);
  await stand.trial.start();
  const { state, outcome } = await stand.ended(id);
  gate.open();
  expect(outcome.fault).toMatchObject({ code: "cancelled", message: "Cancelled by Ann." });
  expect(state).toBe("cancelled");
}, 60_000);
