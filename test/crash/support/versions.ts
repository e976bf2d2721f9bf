/** A change of the bot's own text, made as it is loaded (see patch-source.ts). */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** How a bot with these changes is started. */
export function changed(...patches: readonly Patch[]): { preload: string[]; env: Record<string, string> } {
  return { preload: ["./test/crash/patch-source.ts"], env: { PATCH_SOURCE: JSON.stringify(patches) } };
}
