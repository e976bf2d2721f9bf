/**
 * The local cloud as a process: `node sandbox/cloud/main.ts CONFIG` (JSON or YAML). Prints one line of JSON,
 * `{"endpoint", "balancers"}`, when it is ready; SIGTERM and SIGINT end it and every process of its
 * instances.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf } from "../../src/util/errors.ts";
import { type RunningCloud, startCloud } from "./start.ts";

export { startCloud } from "./start.ts";

async function main(file: string | undefined): Promise<void> {
  if (file === undefined) throw new Error("Usage: node sandbox/cloud/main.ts CONFIG");
  const cloud = await startCloud(parse(readFileSync(file, "utf8")));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end(cloud));
  console.log(JSON.stringify({ endpoint: cloud.endpoint, balancers: cloud.balancers }));
}

async function end(cloud: RunningCloud): Promise<void> {
  await cloud.close();
  process.exit(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv[2]).catch((error: unknown) => {
    console.error(error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error));
    process.exit(2);
  });
}
