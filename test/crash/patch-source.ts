import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/**
 * Loaded into a bot (`node --import`) to make another version of it: `PATCH_SOURCE` is a JSON list of
 * `{ file, find, replace }`. Each file's text is changed as it is loaded; nothing is written. Text that is not
 * found ends the process, so that a control never passes because it changed nothing.
 */
const patchesSchema = z.array(z.object({ file: z.string(), find: z.string(), replace: z.string() }));
const patches = patchesSchema.parse(JSON.parse(process.env.PATCH_SOURCE ?? "[]"));
delete process.env.PATCH_SOURCE;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = patches.filter(({ file }) => url.startsWith("file:") && url.endsWith(`/${file}`));
    if (mine.length === 0) return loaded;
    let source = readFileSync(fileURLToPath(url), "utf8");
    for (const { file, find, replace } of mine) {
      if (!source.includes(find)) {
        console.error(`PATCH_SOURCE: “${find}” is not in ${file}`);
        process.exit(3);
      }
      source = source.replaceAll(find, () => replace);
    }
    return { ...loaded, source };
  },
});
