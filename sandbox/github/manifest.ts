import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const manifestSchema = z.object({
  default_permissions: z.record(z.string(), z.string()),
  default_events: z.array(z.string()),
});

/** What the App's manifest (`app.yml`) asks for: the emulated GitHub grants no more. */
export function readAppManifest(file: string): {
  permissions: Record<string, string>;
  events: string[];
} {
  const manifest = manifestSchema.parse(parse(readFileSync(file, "utf8")));
  return { permissions: manifest.default_permissions, events: manifest.default_events };
}
