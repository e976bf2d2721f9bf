import { defineCommand, optional } from "./lib/command.ts";
import { runLine } from "./lib/run-text.ts";
import { closest } from "./lib/suggest.ts";
import { bold, code, lines, t } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { answer, refuse } from "./services.ts";

const RUNS_SHOWN = 15;

export const history = defineCommand({
  name: "history",
  summary: "Lists the last runs, of everything or of one slot or environment.",
  role: "viewer",
  acts: false,
  repeatable: true,
  positionals: { target: optional(nameOf("target")) },
  options: {},
  run: async (context, args) => {
    const { services } = context;
    const { slots, environments } = services.config().config;
    const known = [...Object.keys(slots), ...Object.keys(environments)];
    const target = known.find((name) => name.toLowerCase() === args.target?.toLowerCase());
    if (args.target !== undefined && target === undefined) {
      const meant = closest(args.target, known);
      return refuse(
        "unknown_target",
        t`There is no slot or environment ${code(args.target)}.${meant ? t` Did you mean ${bold(meant)}?` : null}`,
        t`There are: ${known.join(", ") || "none"}.`,
      );
    }
    const runs = await services.engine.runs({
      limit: RUNS_SHOWN,
      ...(target === undefined ? {} : { target }),
    });
    if (runs.length === 0) return answer(t`No run yet${target === undefined ? "" : ` on ${target}`}.`);
    return answer(lines(...runs.map((run) => runLine(services, run))));
  },
});
