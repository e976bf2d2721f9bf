import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { ProgramCall } from "../../cloud/instances/application.ts";
import { wait } from "../container.ts";
import type { Platform } from "../platform.ts";

const composeFile = z.object({ services: z.record(z.string(), z.unknown()) });

/** Options of `docker compose` itself that take a value. */
const TAKES_VALUE = [
  "-f",
  "--file",
  "-p",
  "--project-name",
  "--project-directory",
  "--env-file",
  "--profile",
];

interface Project {
  readonly services: readonly string[];
}

/** `docker compose …` in a folder with a docker-compose.yml. */
export async function compose(
  platform: Platform,
  words: readonly string[],
  call: ProgramCall,
): Promise<number> {
  const { globals, rest } = splitGlobals(words);
  const [verb = "", ...more] = rest;
  const project = readProject(call.directory, globals);
  if (typeof project === "string") {
    call.stderr(project);
    return 1;
  }
  if (verb === "exec" || verb === "run") {
    const [name = "", ...command] = dropExecOptions(more);
    if (!project.services.includes(name)) return unknown(call, name);
    return runInContainer(platform, name, command, call);
  }
  const named = more.filter((word) => !word.startsWith("-"));
  for (const name of named) if (!project.services.includes(name)) return unknown(call, name);
  const services = named.length === 0 ? project.services : named;
  switch (verb) {
    case "up":
      return up(platform, services, more, call);
    case "down":
    case "stop":
      for (const name of services) {
        await platform.container(name).down();
        call.stderr(` Container ${name}  Stopped`);
      }
      return 0;
    case "restart":
      for (const name of services) {
        await platform.container(name).restart();
        call.stderr(` Container ${name}  Started`);
      }
      return 0;
    case "ps":
      for (const name of services) {
        const container = platform.container(name);
        if (container.running) call.stdout(`${name}\trunning`);
      }
      return 0;
    case "pull":
    case "logs":
    case "config":
      return 0;
    default:
      call.stderr(`unknown docker command: "compose ${verb}"`);
      return 1;
  }
}

async function up(
  platform: Platform,
  services: readonly string[],
  words: readonly string[],
  call: ProgramCall,
): Promise<number> {
  const recreate = words.includes("--force-recreate");
  for (const name of services) {
    const outcome = await platform.container(name).up({ recreate });
    call.stderr(` Container ${name}  ${outcome === "created" ? "Started" : "Running"}`);
  }
  if (words.includes("-d") || words.includes("--detach")) return 0;
  // In the foreground, compose stays until it is stopped, and takes its containers with it.
  await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
  for (const name of services) await platform.container(name).down();
  return 130;
}

/** Runs what a service update runs inside containers; the container must run. */
export async function runInContainer(
  platform: Platform,
  name: string,
  command: readonly string[],
  call: ProgramCall,
): Promise<number> {
  if (platform.containers.get(name)?.running !== true) {
    call.stderr(`service "${name}" is not running`);
    return 1;
  }
  const line = command.join(" ");
  if (name === "web" && /manage\.py migrate\b/.test(line)) {
    call.stdout("Operations to perform:\n  Apply all migrations: auth, notes, sessions\nRunning migrations:");
    await wait(platform.settings.migrateMs, call.signal);
    call.stdout("  No migrations to apply.");
    return 0;
  }
  if (name === "proxy" && /^nginx -s reload$/.test(line)) return 0;
  if (command[0] === "true") return 0;
  if (command[0] === "echo") {
    call.stdout(command.slice(1).join(" "));
    return 0;
  }
  call.stderr(`exec failed: "${command[0] ?? ""}": executable file not found in $PATH`);
  return 127;
}

function splitGlobals(words: readonly string[]): { globals: Map<string, string>; rest: string[] } {
  const globals = new Map<string, string>();
  const rest = [...words];
  while (rest[0]?.startsWith("-")) {
    const word = rest.shift() ?? "";
    const [name = "", value] = word.split("=", 2);
    if (TAKES_VALUE.includes(name)) globals.set(name, value ?? rest.shift() ?? "");
  }
  return { globals, rest };
}

function dropExecOptions(words: readonly string[]): string[] {
  const rest = [...words];
  while (rest[0]?.startsWith("-")) {
    const word = rest.shift() ?? "";
    if (["-u", "--user", "-w", "--workdir", "-e", "--env", "--index"].includes(word)) rest.shift();
  }
  return rest;
}

function readProject(directory: string, globals: ReadonlyMap<string, string>): Project | string {
  const folder = resolve(directory, globals.get("--project-directory") ?? ".");
  const file = globals.get("-f") ?? globals.get("--file");
  const names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
  const path =
    file === undefined
      ? names.map((name) => join(folder, name)).find((candidate) => existsSync(candidate))
      : resolve(directory, file);
  if (path === undefined) return "no configuration file provided: not found";
  if (!existsSync(path)) return `open ${path}: no such file or directory`;
  const parsed = composeFile.safeParse(parse(readFileSync(path, "utf8")));
  return parsed.success ? { services: Object.keys(parsed.data.services) } : `${path}: no services`;
}

function unknown(call: ProgramCall, name: string): number {
  call.stderr(`no such service: ${name}`);
  return 1;
}
