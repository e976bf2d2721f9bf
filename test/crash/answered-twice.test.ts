import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { calls } from "../../sandbox/client.ts";
import { Trial } from "./support/trial.ts";
import { changed, type Patch } from "./support/versions.ts";
import { openYard, type Yard } from "./support/yard.ts";

/** A bot that is killed between a run's beginning and its command's answer answers of that run when it is back. */

const BEGUN = "after 1 queue joined + lease run + run running + queue left";
const FORGETFUL: Patch[] = [
  {
    file: "handlers/dispatch.ts",
    find: "parsed.command.acts ? await alreadyStarted(context) : null",
    replace: "null",
  },
  { file: "commands/lib/on-what-stands.ts", find: "await alreadyStarted(context)", replace: "null" },
];

let yard: Yard;
let trial: Trial;
let trials = 0;

beforeAll(async () => {
  yard = await openYard();
}, 60_000);
afterAll(async () => await yard.close());
afterEach(async () => await trial.end());

/** What the person is answered to a command that began run 2 or a later one and was handled again after a kill. */
async function answerAfterKill(
  text: string,
  before: readonly string[],
  patches: readonly Patch[] = [],
): Promise<string> {
  trial = new Trial(yard, `again-${++trials}`);
  const preparation = patches.length > 0 ? changed(...patches) : {};
  await trial.start(preparation);
  for (const command of before) {
    trial.begin();
    await trial.say(command);
    await trial.untilEnded();
  }
  trial.begin();
  const known = (await calls(yard.json, "slack")).length;
  trial.arm(BEGUN);
  await trial.say(text);
  expect(await trial.untilKilledAnyway()).toBe(true);
  await trial.start(preparation);
  let answer = "";
  await trial.until(`answering “${text}”`, async () => {
    const said = (await calls(yard.json, "slack")).slice(known);
    const found = said.find(({ action, status }) => action === "response_url" && status === 200);
    answer = JSON.stringify(found?.parameters ?? "");
    return found !== undefined;
  });
  await trial.untilEnded();
  return answer;
}

const KEEP = "launch stg1 --tests none --keep 1h";

describe("a command that is handled again after a kill", { timeout: 120_000 }, () => {
  it.each([
    ["update stg1", [KEEP], 2],
    ["terminate stg1", [KEEP], 2],
    ["retry 2", [KEEP, "update stg1"], 3],
  ])("“%s” is told of the run that it began", async (text, before, run) => {
    const answer = await answerAfterKill(text, before);
    expect(answer).toMatch(new RegExp(`run #${run}.* was already started by this`));
    expect(answer).not.toContain("Nothing was started");
    expect(trial.journal.runs()).toHaveLength(run);
    expect(trial.journal.run(run)?.state).toBe("succeeded");
  });

  it("control: a bot that does not look is caught saying that nothing was started", async () => {
    expect(await answerAfterKill("update stg1", [KEEP], FORGETFUL)).toContain("Nothing was started");
  });
});
