import { RemoteError } from "../errors.ts";
import { parsePublicKeyLine } from "../host-key.ts";
import { quote } from "../quote.ts";
import { normalisePrivateKey, type SshTarget } from "../target.ts";
import { fill, hasFields } from "./fields.ts";
import type { AnsibleStep } from "./types.ts";

/** Variables that decide where and how Ansible connects are ours: a pinned host stays pinned. */
const OURS = /^ansible_(ssh|host|port|user|connection)/;

/**
 * The script that runs a playbook on the bot's machine. The private key goes from a variable straight into an
 * agent that lives as long as the playbook: no file holds it. Inventory and variables lie in the job's own folder
 * (0700) until the end. Control sockets need a short path, and ssh's options one without spaces, so these and the
 * known hosts have a folder of their own.
 */
const SCRIPT = `
umask 077
slipway_short=$(mktemp -d /tmp/slipway-XXXXXX)
trap 'rm -rf "$SLIPWAY_JOB_FILES" "$slipway_short"' EXIT
trap 'exit 143' TERM
mkdir -p "$SLIPWAY_JOB_FILES"
printf '%s\\n' "$SLIPWAY_ANSIBLE_INVENTORY" > "$SLIPWAY_JOB_FILES/inventory.json"
printf '%s\\n' "$SLIPWAY_ANSIBLE_VARS" > "$SLIPWAY_JOB_FILES/vars.json"
printf '%s\\n' "$SLIPWAY_ANSIBLE_KNOWN_HOSTS" > "$slipway_short/known_hosts"
inventory=\${SLIPWAY_ANSIBLE_OWN_INVENTORY:-$SLIPWAY_JOB_FILES/inventory.json}
playbook=$SLIPWAY_ANSIBLE_PLAYBOOK
unset SLIPWAY_ANSIBLE_INVENTORY SLIPWAY_ANSIBLE_VARS SLIPWAY_ANSIBLE_KNOWN_HOSTS
unset SLIPWAY_ANSIBLE_OWN_INVENTORY SLIPWAY_ANSIBLE_PLAYBOOK
export ANSIBLE_HOST_KEY_CHECKING=True ANSIBLE_NOCOLOR=1 ANSIBLE_RETRY_FILES_ENABLED=False PYTHONUNBUFFERED=1
export ANSIBLE_SSH_CONTROL_PATH_DIR="$slipway_short" TMPDIR="$slipway_short"
ANSIBLE_SSH_ARGS="-F /dev/null -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$slipway_short/known_hosts"
ANSIBLE_SSH_ARGS="$ANSIBLE_SSH_ARGS -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no"
export ANSIBLE_SSH_ARGS="$ANSIBLE_SSH_ARGS -o ControlMaster=auto -o ControlPersist=15s"
ssh-agent /bin/sh -c '
  printf "%s\\n" "$SLIPWAY_ANSIBLE_KEY" | ssh-add -q - || exit 1
  unset SLIPWAY_ANSIBLE_KEY
  exec ansible-playbook "$@"' sh -i "$inventory" -e "@$SLIPWAY_JOB_FILES/vars.json" -- "$playbook"
`;

/** The script and the variables that it reads; the latter hold the private key and must go nowhere else. */
export function ansibleJob(
  step: AnsibleStep,
  target: SshTarget,
  fields: Readonly<Record<string, string>>,
): { readonly script: string; readonly env: Readonly<Record<string, string>> } {
  const { playbook, inventory } = step.ansible;
  return {
    script: SCRIPT,
    env: {
      SLIPWAY_ANSIBLE_PLAYBOOK: playbook,
      SLIPWAY_ANSIBLE_KEY: normalisePrivateKey(target.privateKey).trim(),
      SLIPWAY_ANSIBLE_INVENTORY: JSON.stringify(inventoryOf(target)),
      SLIPWAY_ANSIBLE_KNOWN_HOSTS: knownHostsLine(target),
      SLIPWAY_ANSIBLE_VARS: JSON.stringify(extraVars(step, fields)),
      ...(inventory === undefined ? {} : { SLIPWAY_ANSIBLE_OWN_INVENTORY: inventory }),
    },
  };
}

function inventoryOf(target: SshTarget): unknown {
  const host = {
    ansible_host: unsafe(target.host),
    ansible_port: target.port,
    ansible_user: unsafe(target.user),
    ansible_python_interpreter: "auto_silent",
  };
  return { all: { hosts: { instance: host } } };
}

/** As sshd's own tools write it: the port is named unless it is 22. */
export function knownHostsLine(target: SshTarget): string {
  const pin = parsePublicKeyLine(target.hostKey);
  return `${target.port === 22 ? target.host : `[${target.host}]:${target.port}`} ${pin.line}`;
}

/**
 * The playbook's variables. Ansible evaluates templates in them on the bot's machine, so text that a value
 * (a branch's name, say) is part of is marked as not to be evaluated.
 * @throws RemoteError `value_not_passable` for a variable that would change where Ansible connects
 */
export function extraVars(
  step: AnsibleStep,
  fields: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const entries = Object.entries(step.ansible.extraVars).map(([name, value]): [string, unknown] => {
    if (OURS.test(name)) {
      throw new RemoteError("value_not_passable", `The playbook variable ${name} is set by Slipway itself.`, {
        remedy: "Leave it out: the slot's ssh section says where and how to connect.",
        fields: { name },
      });
    }
    if (typeof value !== "string" || !hasFields(value, fields)) return [name, value];
    return [name, unsafe(fill(value, fields))];
  });
  return Object.fromEntries(entries);
}

/** Ansible's own marking for text that it must not evaluate (AnsibleJSONDecoder). */
function unsafe(text: string): { __ansible_unsafe: string } {
  return { __ansible_unsafe: text };
}

/** The script for a program without a shell: its words exactly, and nothing between. */
export function programScript(words: readonly string[]): string {
  return `exec ${words.map(quote).join(" ")}`;
}
