/**
 * A process that runs a suite, or prepares to, as the bot does, so that a test can kill it:
 * `node bot-process.ts FOLDER REQUEST [prepare]`.
 */
import { readFileSync } from "node:fs";
import { localExec } from "../../src/remote/index.ts";
import { hostEnvironment, localRunner } from "../../src/testing/index.ts";
import { systemClock } from "../../src/util/clock.ts";

const [folder = "", file = "", what = "run"] = process.argv.slice(2);
const runner = localRunner({
  transport: localExec(folder),
  environment: hostEnvironment(process.env),
  clock: systemClock,
});
const request = JSON.parse(readFileSync(file, "utf8"));
if (what === "prepare") await runner.prepare(request);
else await runner.run(request, { onProgress: (progress) => console.log(JSON.stringify(progress)) });
