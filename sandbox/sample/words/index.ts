import type { ProgramCall } from "../../cloud/instances/application.ts";
import type { Platform } from "../platform.ts";
import { aws } from "./aws.ts";
import { docker } from "./docker.ts";
import { ibl } from "./ibl.ts";
import { pip } from "./pip.ts";
import { platformWords } from "./platform-words.ts";

export type Words = (platform: Platform, words: readonly string[], call: ProgramCall) => Promise<number>;

/** The platform's programs, by the name they are called by on the machine. */
const PROGRAMS: Readonly<Record<string, Words>> = { platform: platformWords, ibl, docker, aws, pip, nginx };

/** Does what a program asks. A call that the settings name as failing prints a few lines and fails. */
export async function answerCall(platform: Platform, call: ProgramCall): Promise<number> {
  const [name = "", ...words] = call.words;
  const line = call.words.join(" ");
  if (platform.settings.failing.some((beginning) => line.startsWith(beginning))) {
    call.stdout(`${line}: begins`);
    call.stderr(`${name}: the sandbox was told to fail this call`);
    return 1;
  }
  const program = PROGRAMS[name];
  if (program === undefined) {
    call.stderr(`${name}: nothing on this machine answers`);
    return 127;
  }
  return program(platform, words, call);
}

async function nginx(platform: Platform, words: readonly string[], call: ProgramCall): Promise<number> {
  if (!platform.container("proxy").running) {
    call.stderr("nginx: [error] the proxy is not running");
    return 1;
  }
  if (words.includes("-t")) call.stderr("nginx: configuration file /etc/nginx/nginx.conf test is successful");
  return 0;
}
