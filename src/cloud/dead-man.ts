/**
 * The timer inside the instance that ends it when nobody else does: the bot may be gone for good. Powering
 * off is terminating, because the instance is launched with that shutdown behaviour.
 *
 * - `OnCalendar=` with a year, a time and UTC elapses once, at that moment; `Persistent=true` makes up for it
 *   at the next boot when the machine was off then (systemd.timer(5), systemd.time(7)).
 * - `OnBootSec=` is a second trigger that needs no right clock; both ask the script, which decides.
 * - It is bound to the instance id. An image baked from the instance carries the units and the script. Booted
 *   from it, another instance's copy finds a foreign id and switches itself off; and if it is one of ours,
 *   its own user data writes new files while the old timer, long due, may already be waiting to run: hence
 *   the script looks at the time itself instead of trusting whoever called it.
 * - The current id is read from /run (cloud-init writes `/run/cloud-init/.instance-id` at each boot, and /run
 *   is empty before), never from /var/lib/cloud, which an image carries along; on Nitro instances also from
 *   `board_asset_tag` (docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html).
 */
export interface DeadManTimer {
  /**
   * When the instance powers itself off, in milliseconds since 1970: `maxTtl` and a margin after the launch.
   */
  readonly powerOffAt: number;
  /** When the user data was made; the time between the two bounds the machine's uptime. */
  readonly madeAt: number;
}

export const deadManTimerUnit = "slipway-deadman.timer";
const SCRIPT = "/usr/local/sbin/slipway-deadman";

interface WrittenFile {
  readonly path: string;
  readonly permissions: string;
  readonly owner: string;
  readonly content: string;
}

/** The files for cloud-config's `write_files`; `{{ v1.instance_id }}` in them is rendered by cloud-init. */
export function deadManFiles({ powerOffAt, madeAt }: DeadManTimer): WrittenFile[] {
  const deadline = Math.ceil(powerOffAt / 1000);
  const lifetime = Math.ceil((powerOffAt - madeAt) / 1000);
  const owner = "root:root";
  const unit = (name: string, content: string) => ({
    path: `/etc/systemd/system/${name}`,
    permissions: "0644",
    owner,
    content,
  });
  return [
    { path: SCRIPT, permissions: "0755", owner, content: script(deadline, lifetime) },
    unit("slipway-deadman.service", SERVICE),
    unit(deadManTimerUnit, timer(deadline, lifetime)),
  ];
}

function timer(deadline: number, lifetime: number): string {
  return `[Unit]
Description=End of this staging instance's longest permitted life

[Timer]
OnCalendar=${calendar(deadline)}
OnBootSec=${lifetime}s
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
`;
}

const SERVICE = `[Unit]
Description=Power off this staging instance if its time is over
After=cloud-init.service cloud-init-network.service

[Service]
Type=oneshot
ExecStart=${SCRIPT}
Restart=on-failure
RestartSec=60
`;

// No `{{`, `{%` or `{#` of the shell's own here: jinja would take it.
function script(deadline: number, lifetime: number): string {
  return `#!/bin/sh
# Ends the instance for which it was written, once its time is over, and no other.
armed_for='{{ v1.instance_id }}'
here=$(cat /run/cloud-init/.instance-id 2>/dev/null)
if [ -z "$here" ]; then
  here=$(grep '^i-' /sys/devices/virtual/dmi/id/board_asset_tag 2>/dev/null)
fi
if [ -z "$here" ]; then
  echo 'slipway-deadman: this instance does not know its id yet' >&2
  exit 1
fi
if [ "$here" != "$armed_for" ]; then
  echo "slipway-deadman: written for $armed_for, but this is $here: switched off"
  systemctl disable --now ${deadManTimerUnit}
  exit 0
fi
now=$(date +%s)
uptime=$(cut -d. -f1 /proc/uptime)
if [ "$now" -lt ${deadline} ] && [ "$uptime" -lt ${lifetime} ]; then
  exit 0
fi
echo 'slipway-deadman: the time of this instance is over'
systemctl poweroff --ignore-inhibitors || poweroff -f
`;
}

/** `2026-11-21 20:00:00 UTC` of seconds since 1970. */
function calendar(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
