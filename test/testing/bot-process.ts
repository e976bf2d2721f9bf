/** A process that runs a suite as the bot does, so that a test can kill it: `node bot-process.ts FOLDER REQUEST`. */
import { readFileSync } from "node:fs";
import { localExec } from "../../src/remote/index.ts";
import { hostEnvironment, localRunner } from "../../src/testing/index.ts";
import { systemClock } from "../../src/util/clock.ts";

const [folder = "", file = ""] = process.argv.slice(2);
const runner = localRunner({
  transport: localExec(folder),
  environment: hostEnvironment(process.env),
  clock: systemClock,
});
await runner.run(JSON.parse(readFileSync(file, "utf8")), {
  onProgress: (progress) => console.log(JSON.stringify(progress)),
});
