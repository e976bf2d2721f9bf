import type { ProgramCall } from "../../cloud/instances/application.ts";
import type { Platform } from "../platform.ts";

/** The value after `--name`, or behind `--name=`. */
export function option(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  if (at !== -1) return words[at + 1];
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * `config save [--ref R]`, `config set KEY VALUE`, `config get KEY`. Saving regenerates the files; whether
 * the single sign-on's credentials are carried over is what tells the two programs apart that offer this.
 */
export async function configWords(
  platform: Platform,
  words: readonly string[],
  call: ProgramCall,
  options: { readonly keepsCredentials: boolean },
): Promise<number> {
  const [verb, key, value] = words;
  const config = platform.records.config();
  switch (verb) {
    case "save": {
      const ref = option(words, "--ref") ?? config.ref;
      const kept = Object.entries(config.values).filter(([name]) => !name.startsWith("auth."));
      platform.records.saveConfig({ ref, values: Object.fromEntries(kept) });
      if (options.keepsCredentials) platform.records.syncCredentials();
      call.stdout(`Configuration saved${ref === "" ? "" : ` for ${ref}`}.`);
      return 0;
    }
    case "set":
      if (key === undefined || value === undefined) return usage(call);
      platform.records.saveConfig({ ...config, values: { ...config.values, [key]: value } });
      return 0;
    case "get": {
      const found = key === "ref" ? config.ref : config.values[key ?? ""];
      if (found === undefined) {
        call.stderr(`There is no value for ${key}.`);
        return 1;
      }
      call.stdout(found);
      return 0;
    }
    default:
      return usage(call);
  }
}

function usage(call: ProgramCall): number {
  call.stderr("usage: config save [--ref REF] | config set KEY VALUE | config get KEY");
  return 2;
}
