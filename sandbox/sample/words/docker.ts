import type { ProgramCall } from "../../cloud/instances/application.ts";
import type { Platform } from "../platform.ts";
import { compose, runInContainer } from "./compose.ts";
import type { Words } from "./index.ts";

/** `docker`: the part that a service update uses. Containers are the platform's own; there is no daemon. */
export const docker: Words = async (platform, words, call) => {
  const [verb, ...rest] = words;
  switch (verb) {
    case "compose":
      return compose(platform, rest, call);
    case "login":
      call.stdout("Login Succeeded");
      return 0;
    case "ps":
      for (const [name, container] of platform.containers) {
        if (container.running || rest.includes("-a")) {
          call.stdout(`${name}\t${container.running ? "Up" : "Exited"}`);
        }
      }
      return 0;
    case "exec": {
      const [name = "", ...command] = rest.filter((word) => !/^-[itdT]+$/.test(word));
      return runInContainer(platform, name, command, call);
    }
    case "restart":
    case "stop":
    case "start":
      return each(platform, rest, call, verb);
    case "pull":
    case "version":
    case "image":
    case "system":
      return 0;
    default:
      call.stderr(`docker: '${verb ?? ""}' is not a docker command here.`);
      return 1;
  }
};

async function each(
  platform: Platform,
  names: readonly string[],
  call: ProgramCall,
  verb: "restart" | "stop" | "start",
): Promise<number> {
  for (const name of names.filter((word) => !word.startsWith("-"))) {
    const container = platform.containers.get(name);
    if (container === undefined) {
      call.stderr(`Error response from daemon: No such container: ${name}`);
      return 1;
    }
    if (verb === "restart") await container.restart();
    else if (verb === "stop") await container.down();
    else await container.up();
    call.stdout(name);
  }
  return 0;
}
