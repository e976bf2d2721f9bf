import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Words } from "./index.ts";

/** `pip install …`: records what would be installed, in the order asked for. */
export const pip: Words = async (platform, words, call) => {
  if (words[0] !== "install") {
    call.stderr(`pip: only install is there, not ${words[0] ?? "nothing"}`);
    return 1;
  }
  const packages = words.slice(1).filter((word) => !word.startsWith("-"));
  const folder = join(platform.context.root, "opt/platform");
  await mkdir(folder, { recursive: true });
  await appendFile(join(folder, "packages"), packages.map((name) => `${name}\n`).join(""));
  call.stdout(`Successfully installed ${packages.join(" ")}`);
  return 0;
};
