import { stringify } from "yaml";
import { type DeadManTimer, deadManFiles, deadManTimerUnit } from "./dead-man.ts";

/** The instance's SSH host key, known before the instance exists. */
export interface HostKey {
  /** OpenSSH private key, PEM. A secret: the whole user data is one. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly publicKey: string;
}

export interface UserDataInput {
  /** Undefined when the image keeps its own host key (`ssh.hostKey` pinned in the configuration). */
  readonly hostKey?: HostKey | undefined;
  readonly deadMan: DeadManTimer;
}

/**
 * The cloud-config that every instance starts with. Pure: the same input gives the same text, since its hash
 * is part of the frozen launch request.
 *
 * - The first line lets cloud-init render the text by jinja before it reads it, for the instance's own id
 *   (cloud-init, explanation/format/jinja and explanation/instancedata: `v1.instance_id`).
 * - `ssh_keys` with `ed25519_private` and `ed25519_public` become /etc/ssh/ssh_host_ed25519_key and `.pub`;
 *   with `ssh_keys` given no other key is made, and `ssh_deletekeys` first removes those of the image
 *   (cloud-init, cc_ssh, once per instance, before sshd starts). Jinja leaves a key alone: base64 has no
 *   braces.
 * - `write_files` and `runcmd` run once per instance id, so an instance launched from an image that was baked
 *   from this one writes its own; a `runcmd` item that is a list is executed without a shell (cloud-init,
 *   cc_write_files, cc_runcmd).
 */
export function buildUserData({ hostKey, deadMan }: UserDataInput): string {
  const config = {
    ...(hostKey === undefined ? {} : sshKeys(hostKey)),
    write_files: deadManFiles(deadMan),
    runcmd: [
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", deadManTimerUnit],
      // Not `enable --now`: an image's own copy of the timer may be active with its old time.
      ["systemctl", "restart", deadManTimerUnit],
    ],
  };
  return `## template: jinja\n#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

function sshKeys({ privateKey, publicKey }: HostKey) {
  return {
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: `${privateKey.trim()}\n`, ed25519_public: publicKey.trim() },
  };
}
