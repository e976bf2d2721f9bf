import { parseArgs } from "node:util";
import { messageOf, SlipwayError } from "../src/util/errors.ts";
import type { Child } from "./supervisor/children.ts";
import { how } from "./supervisor/ready.ts";
import { type Sandbox, startSandbox } from "./supervisor/start.ts";

const USAGE = `npm run sandbox [-- --port 3000] [--no-bot] [--dir .slipway] [--keep] [--socket-mode]

  --port N    the page's port (3000, or a free one when that is taken)
  --no-bot    everything but the bot; start it yourself with the environment that is printed
  --dir DIR   the sandbox's folder (.slipway), emptied at each start
  --keep      do not empty it: the bot's database stays
  --socket-mode  the bot opens web sockets to Slack instead of being called by HTTP`;

interface Choices {
  readonly port?: number;
  readonly bot: boolean;
  readonly dir: string;
  readonly keep: boolean;
  readonly socketMode: boolean;
}

/** Runs the sandbox until ctrl-C. The exit code is 2 for wrong options and 1 when it cannot start. */
export async function main(args: readonly string[]): Promise<void> {
  const choices = choose(args);
  if (!choices) return;
  const began = performance.now();
  // While things start there is nothing to tidy up but processes, and the watchdog does that once we are gone.
  let end: () => void = () => process.exit(130);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end());
  try {
    const sandbox = await startSandbox({
      ...choices,
      onEnd: (child, result) => report(child, result, choices),
    });
    end = once(async () => {
      console.log("\nEnding …");
      await sandbox.stop();
      process.exit(0);
    });
    announce(sandbox, choices, (performance.now() - began) / 1000);
  } catch (error) {
    console.error(`The sandbox could not start: ${messageOf(error)}`);
    if (error instanceof SlipwayError && error.remedy) console.error(error.remedy);
    process.exit(1);
  }
}

function choose(args: readonly string[]): Choices | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        "no-bot": { type: "boolean", default: false },
        dir: { type: "string", default: ".slipway" },
        keep: { type: "boolean", default: false },
        "socket-mode": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      return undefined;
    }
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
      throw new Error(`--port takes a port number, not "${values.port}"`);
    }
    const { dir, keep, "socket-mode": socketMode } = values;
    const choices = { bot: !values["no-bot"], dir, keep, socketMode };
    return port === undefined ? choices : { ...choices, port };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

function announce({ json, dir }: Sandbox, choices: Choices, seconds: number): void {
  const lines = [
    ["page", json.console],
    ["bot", choices.bot ? json.bot : `${json.bot} (not started)`],
    ["Slack", json.slack.api],
    ["GitHub", `${json.github.api} (${json.github.repository}, pull request ${json.github.pullRequest})`],
    ["cloud", json.aws.endpoint],
    ...Object.entries(json.slots).map(([name, slot]) => [name, slot.url]),
    ["logs", `${dir}/logs`],
  ];
  console.log(`The sandbox is ready after ${seconds.toFixed(1)} s.`);
  for (const [name = "", address] of lines) console.log(`  ${name.padEnd(7)} ${address}`);
  const command = `{"user":"developer","text":"launch stg1"}`;
  console.log(`\nTry:  curl ${new URL("/_sandbox/command", json.slack.api)} -d '${command}'`);
  if (!choices.bot) console.log(`\nStart the bot with:\n  ${startCommand(dir)}`);
  console.log("ctrl-C ends everything.");
}

function report(child: Child, result: Awaited<Child["ended"]>, choices: Choices): void {
  console.error(`\nThe ${child.name} (process ${child.pid}) ended ${how(result.code, result.signal)}.`);
  const lines = child.lastLines();
  if (lines) console.error(`Its last lines:\n${lines}`);
  if (child.name === "bot") console.error(`Start it again with:\n  ${startCommand(choices.dir)}`);
  else console.error("The sandbox is of little use without it: end it with ctrl-C and start again.");
}

function startCommand(dir: string): string {
  return `(set -a; . ${dir}/sandbox.env; set +a; npm start)`;
}

function once(act: () => Promise<void>): () => void {
  let begun = false;
  return () => {
    if (begun) return;
    begun = true;
    void act();
  };
}
