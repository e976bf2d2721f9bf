import { formatDuration } from "../src/config/index.ts";
import { chooseSlots } from "./lib/candidates.ts";
import { defineCommand, flag, optional, optionalValue, value } from "./lib/command.ts";
import { checkCommitOptions, pinCommit } from "./lib/commit.ts";
import { describeLaunch } from "./lib/dry-run.ts";
import { withOwnTargets } from "./lib/foreign-targets.ts";
import { startRun } from "./lib/start.ts";
import { chooseTests } from "./lib/tests.ts";
import { code, t } from "./lib/text.ts";
import { ami, duration, freeText, nameOf, pullRequest, ref, sha, testChoice } from "./lib/values.ts";
import { answer, refuse } from "./services.ts";

export const launch = defineCommand({
  name: "launch",
  summary: "Launches an instance on a slot, updates it, puts it behind the slot, tests it and terminates it.",
  role: "developer",
  acts: true,
  repeatable: true,
  takesTurn: true,
  positionals: { slot: optional(nameOf("slot")) },
  options: {
    pr: value(
      pullRequest,
      "the head of this pull request; stops when that has moved on, or is closed, before its turn comes",
    ),
    ref: value(
      ref,
      "the head of this branch, or this tag; stops when that has moved on before its turn comes",
    ),
    sha: value(sha, "this commit"),
    ami: value(ami, "another image than the slot's"),
    tests: value(testChoice, "which browsers' tests run"),
    keep: optionalValue(duration, "keep the environment afterwards, for this long"),
    reason: value(freeText, "why, for those who wait"),
    "no-wait": flag("refuse instead of queueing when the slot is taken"),
    "dry-run": flag("say what would be done, and start nothing"),
  },
  run: async (context, args) => {
    const contradiction = checkCommitOptions(args);
    if (contradiction) return contradiction;
    const chosen = chooseSlots(context, args.slot, args.pr?.repository ?? null);
    if ("refused" in chosen) return chosen;
    const tests = chooseTests(context, args.tests);
    if ("refused" in tests) return tests;
    const keepMs = typeof args.keep === "number" ? args.keep : null;
    const slots = chosen.filter(({ config }) => keepMs === null || keepMs <= config.maxTtl);
    const longest = chosen.toSorted((a, b) => b.config.maxTtl - a.config.maxTtl)[0];
    if (slots.length === 0 && longest) {
      return refuse(
        "max_ttl_reached",
        t`${longest.name} is kept for at most ${formatDuration(longest.config.maxTtl)}.`,
        t`Give a shorter time, such as ${code(`--keep ${formatDuration(longest.config.ttl)}`)}.`,
      );
    }
    const names = slots.map(({ name }) => name);
    const configs = slots.map(({ config }) => config);
    const commit = await pinCommit(context, configs, args);
    if ("refused" in commit) return commit;
    // Left out, the slot's own settings decide, and it may be any of several.
    const keep = args.keep === undefined ? null : true;
    const plan = { commit, ami: args.ami ?? null, tests: tests.choice, keep, keepMs };
    if (args["dry-run"]) {
      const own = await withOwnTargets(context, names);
      if ("refused" in own) return own;
      const would = slots.filter(({ name }) => own.includes(name));
      return answer(await describeLaunch(context, would, plan));
    }
    return await startRun(context, {
      kind: "launch",
      candidates: names,
      input: {
        sha: commit.sha,
        ref: commit.ref,
        pr: commit.pr,
        repository: commit.repository,
        named: commit.named,
        ami: plan.ami,
        tests: plan.tests,
        keep,
        keepMs,
      },
      sha: commit.sha,
      pr: commit.pr,
      reason: args.reason ?? null,
      noWait: args["no-wait"],
    });
  },
});
