/**
 * A small launch against a "cloud" that is a folder: each thing that exists is a file. Run as a process of its
 * own by the crash tests: it opens the database, begins the run unless there is one, carries it to its end.
 *
 * Arguments: database file, folder of the cloud, and a mode: `right`, or for negative controls `no-obligations`
 * (nothing is undone) or `no-tokens` (a repeated creation makes a second thing).
 */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ObligationKind } from "../../src/engine/obligation.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { TestEngine } from "../support/engine.ts";

const [file = "", cloud = "", mode = "right"] = process.argv.slice(2);
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

async function create(kind: string, token: string): Promise<string> {
  const name = mode === "no-tokens" ? `${kind}.${randomUUID()}` : `${kind}.${token}`;
  if (!existsSync(join(cloud, name))) writeFileSync(join(cloud, `made-${randomUUID()}.${kind}`), "");
  writeFileSync(join(cloud, name), "");
  await pause();
  return name;
}

function kind(name: string, after: ObligationKind["after"] = []): ObligationKind {
  return {
    kind: name,
    version: 1,
    title: `Remove ${name}`,
    after,
    discharge: async ({ facts }) => {
      if (mode === "no-obligations") return;
      await pause();
      const known = String(facts.name ?? "");
      const mine = readdirSync(cloud).filter(
        (entry) => entry === known || entry === `${name}.${facts.token}`,
      );
      for (const entry of mine) rmSync(join(cloud, entry));
    },
  };
}

const saga = pipeline("saga", { version: 1 }, async (run) => {
  await run.now("start");
  const { host } = await run.together({
    tests: (run) => run.step("Prepare tests", pause as () => Promise<void>),
    host: async (run) => {
      const facts: JsonObject = { token: run.uuid, name: null };
      const owed = await run.owe("instance", { facts });
      const name = await run.step("Launch", async () => {
        if (typeof owed.facts.name === "string") return owed.facts.name;
        const name = await create("instance", run.uuid);
        await owed.created({ name });
        return name;
      });
      await run.step("Answers", pause as () => Promise<void>);
      return name;
    },
  });
  const rule = await run.owe("rule", { facts: { token: run.uuid }, shareKey: "rule" });
  await run.step("Open", async () => void (await create("rule", run.uuid)));
  await rule.created();
  const target = await run.owe("target", { facts: { token: run.uuid } });
  await run.step("Swap", async () => void (await create("target", run.uuid)));
  await target.created();
  return { host };
});

const engine = await TestEngine.open({
  file,
  pipelines: [saga],
  kinds: [kind("instance", [{ kind: "target" }]), kind("rule"), kind("target")],
});
const [known] = await engine.engine.runs({ limit: 1 });
const runId = known?.id ?? (await engine.submit("saga", "stg1")).id;
const ended = await engine.ended(runId);
const [lease] = await engine.engine.leases(["stg1"]);
await engine.close();
console.log(JSON.stringify({ state: ended.state, lease: lease?.mode }));
process.exit(0);
