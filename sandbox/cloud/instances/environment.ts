import { join } from "node:path";

/** Every process of a machine carries this variable, which is how it is found again in /proc. */
export const MARKER = "SANDBOX_INSTANCE";

/** Names that sshd takes from a client by default on Debian and Ubuntu: `AcceptEnv LANG LC_*`. */
export function isAcceptedVariable(name: string): boolean {
  return name === "LANG" || /^LC_[A-Z]+$/.test(name);
}

export interface Connected {
  readonly clientAddress: string;
  readonly clientPort: number;
}

export interface MachinePlace {
  readonly instanceId: string;
  readonly address: string;
  readonly sshPort: number;
  readonly root: string;
  readonly home: string;
  readonly user: string;
}

/** The whole environment of a command on the machine. Nothing of the cloud's own process is in it. */
export function commandEnvironment(
  place: MachinePlace,
  accepted: Readonly<Record<string, string>>,
  connected?: Connected,
): Record<string, string> {
  const environment: Record<string, string> = {
    LANG: "C.UTF-8",
    ...accepted,
    [MARKER]: place.instanceId,
    HOME: place.home,
    USER: place.user,
    LOGNAME: place.user,
    SHELL: "/bin/sh",
    TMPDIR: join(place.root, "tmp"),
    SANDBOX_ADDRESS: place.address,
    PATH: [join(place.root, "bin"), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].join(":"),
  };
  if (connected !== undefined) {
    const { clientAddress, clientPort } = connected;
    environment.SSH_CLIENT = `${clientAddress} ${clientPort} ${place.sshPort}`;
    environment.SSH_CONNECTION = `${clientAddress} ${clientPort} ${place.address} ${place.sshPort}`;
  }
  return environment;
}
