import { stripVTControlCharacters } from "node:util";

export const MESSAGE_LIMIT = 2000;
export const SNIPPET_LIMIT = 1200;

/** Text without terminal colours and other control characters, cut at a limit and saying so. */
export function plainText(text: string, limit: number): string {
  const plain = withoutControls(stripVTControlCharacters(text)).trim();
  return plain.length <= limit ? plain : `${plain.slice(0, limit).trimEnd()} … (cut)`;
}

function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a chat message
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}
