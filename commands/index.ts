import { cancel } from "./cancel.ts";
import { clean } from "./clean.ts";
import { extend } from "./extend.ts";
import { makeHelp } from "./help.ts";
import { history } from "./history.ts";
import { launch } from "./launch.ts";
import { leave } from "./leave.ts";
import type { Command } from "./lib/command.ts";
import { lock } from "./lock.ts";
import { logs } from "./logs.ts";
import { queue } from "./queue.ts";
import { retry } from "./retry.ts";
import { show } from "./show.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";
import { swap } from "./swap.ts";
import { terminate } from "./terminate.ts";
import { test } from "./test.ts";
import { unlock } from "./unlock.ts";
import { update } from "./update.ts";
import { whoami } from "./whoami.ts";

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  status,
  launch,
  update,
  swap,
  test,
  terminate,
  lock,
  unlock,
  extend,
  queue,
  start,
  leave,
  cancel,
  retry,
  show,
  logs,
  history,
  clean,
  whoami,
  makeHelp(() => commands),
];

/** The command that no word at all means. */
export const fallback = status;

/** Commands by every name and alias. */
export const commandsByName: ReadonlyMap<string, Command> = new Map(
  commands.flatMap((command) => [command.name, ...command.aliases].map((name) => [name, command] as const)),
);
