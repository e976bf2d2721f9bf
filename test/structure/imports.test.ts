import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");

interface Import {
  readonly from: string;
  /** A path inside the project, or a package's name. */
  readonly to: string;
}

const FILES = globSync("{src,commands,handlers,db,sandbox,bench}/**/*.{ts,mjs}", { cwd: ROOT });

function importsOf(file: string, text: string): Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\b[^;"']*?from "([^"\n]+)"|^import "([^"\n]+)"|\bimport\("([^"\n]+)"\)/gm,
  );
  const found = [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  return found.map((to) => ({
    from: file,
    to: to.startsWith(".") ? relative(ROOT, join(ROOT, dirname(file), to)) : to,
  }));
}

const ALL = FILES.flatMap((file) => importsOf(file, readFileSync(join(ROOT, file), "utf8")));

/** Which folders and packages each folder may import besides Node's own modules and itself. */
const MAY: Readonly<Record<string, RegExp>> = {
  "src/util": /^$/,
  "src/engine": /^(db\/|src\/util\/|pino$)/,
  db: /^(src\/util\/|src\/engine\/types\.ts$|kysely|better-sqlite3$)/,
  "src/config": /^(src\/util\/|zod$|yaml$|fastest-levenshtein$)/,
  "src/cloud": /^(src\/util\/|src\/config\/index\.ts$|@aws-sdk\/|@smithy\/|zod$|yaml$)/,
  "src/remote": /^(src\/util\/|node-ssh$|ssh2$|zod$)/,
  "src/testing": /^(src\/util\/|src\/remote\/index\.ts$|zod$)/,
  "src/publish": /^(src\/util\/|src\/engine\/types\.ts$|@slack\/types$|@resvg\/resvg-wasm$)/,
  "src/pipelines": /^(src\/(util|engine)\/|src\/(cloud|config|remote|testing)\/index\.ts$|pino$)/,
  commands: /^(src\/(util|engine)\/|src\/config\/|fastest-levenshtein$|zod$)/,
  handlers:
    /^(src\/(util|engine|publish|config)\/|commands\/|db\/|@slack\/(bolt|types)$|probot$|prom-client$|pino$|zod$)/,
};

function roomOf(file: string): string | undefined {
  return Object.keys(MAY).find((folder) => file.startsWith(`${folder}/`));
}

/** The imports that break a rule, as text. */
function breaches(imports: readonly Import[]): string[] {
  return imports
    .filter(({ from, to }) => {
      const room = roomOf(from);
      if (room === undefined || to.startsWith("node:") || to.startsWith(`${room}/`)) return false;
      return !MAY[room]?.test(to);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

/** Packages that appear in one place of the product only. */
const ONLY_IN: Readonly<Record<string, RegExp>> = {
  "@slack/bolt": /^(handlers|sandbox|bench)\//,
  probot: /^(handlers|sandbox|src\/bot)\//,
  "node-ssh": /^src\/remote\//,
  kysely: /^db\//,
  "@resvg/resvg-wasm": /^src\/publish\/timeline-png\.ts$/,
};

describe("who imports whom", () => {
  it("keeps the directions of docs/architecture.md", () => {
    expect(breaches(ALL)).toEqual([]);
  });

  it("keeps each outside library in its place", () => {
    const strays = ALL.filter(({ from, to }) => Object.hasOwn(ONLY_IN, to) && !ONLY_IN[to]?.test(from));
    expect(strays).toEqual([]);
    const aws = ALL.filter(
      ({ from, to }) => to.startsWith("@aws-sdk/") && !/^(src\/cloud|sandbox|bench)\//.test(from),
    );
    expect(aws).toEqual([]);
  });

  it("keeps the sandbox another program: it shares nothing with the bot but src/util", () => {
    const shared = ALL.filter(
      ({ from, to }) => from.startsWith("sandbox/") && /^(src|commands|handlers|db)\//.test(to),
    );
    expect(shared.filter(({ to }) => !to.startsWith("src/util/"))).toEqual([]);
    const known = ALL.filter(
      ({ from, to }) => /^(src|commands|handlers|db)\//.test(from) && to.startsWith("sandbox/"),
    );
    expect(known.map(({ from }) => from)).toEqual(["src/cli/main.ts"]);
  });

  it("would notice a breach", () => {
    expect(breaches([{ from: "src/engine/run.ts", to: "src/cloud/index.ts" }])).toHaveLength(1);
    expect(breaches(importsOf("src/engine/x.ts", 'import { a } from "../cloud/ec2.ts";'))).toHaveLength(1);
  });
});
