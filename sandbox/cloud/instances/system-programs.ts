import type { ProgramCall } from "./application.ts";
import { plainRequest } from "./plain-request.ts";

export interface SystemActions {
  readonly address: string;
  powerOff(reason: string): void;
}

/**
 * Programs that every machine has and that must never act on the host. Resolves with the exit status, or with
 * undefined when the program is not one of them.
 */
export async function systemProgram(call: ProgramCall, actions: SystemActions): Promise<number | undefined> {
  const [name = "", ...rest] = call.words;
  switch (name) {
    case "shutdown":
    case "poweroff":
    case "halt":
      if (rest.includes("-c")) return 0;
      actions.powerOff(`${name} was called on the machine`);
      return 0;
    case "reboot":
      call.stderr("reboot: call the cloud's own RebootInstances\n");
      return 1;
    case "systemctl":
      return systemctl(rest, call, actions);
    case "curl":
      return plainRequest(rest, call, actions.address);
    default:
      return undefined;
  }
}

function systemctl(words: readonly string[], call: ProgramCall, actions: SystemActions): number {
  const [verb = ""] = words.filter((word) => !word.startsWith("-"));
  if (verb === "poweroff" || verb === "halt") {
    actions.powerOff(`systemctl ${verb} was called on the machine`);
    return 0;
  }
  if (verb === "daemon-reload") return 0;
  call.stderr("System has not been booted with systemd as init system (PID 1). Can't operate.\n");
  return 1;
}
