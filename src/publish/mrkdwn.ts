const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;" } as const;

/** `&`, `<` and `>` are Slack's only markup that could ping or link; escaped, text stays text. Pure. */
export function escapeMrkdwn(text: string): string {
  return text.toWellFormed().replaceAll(/[&<>]/g, (character) => MARKUP[character as keyof typeof MARKUP]);
}

/** Escaped, and then at most so long: what is cut never ends in the middle of an escape or an emoji. Pure. */
export function escapedWithin(text: string, longest: number): string {
  const whole = escapeMrkdwn(text);
  if (whole.length <= longest) return whole;
  let kept = "";
  for (const character of text) {
    const next = kept + escapeMrkdwn(character);
    if (next.length > longest - 2) break;
    kept = next;
  }
  return `${kept} …`;
}

/** An address to be followed; what is none stays text. Pure. */
export function linkText(url: string): string {
  return /^https?:\/\/[^\s<>|]{1,500}$/.test(url) ? `<${escapeMrkdwn(url)}>` : escapedWithin(url, 200);
}

/** Lines as they are; a fence within them would end the block. Pure. */
export function codeBlock(text: string, longest: number): string {
  return `\`\`\`\n${escapedWithin(text.replaceAll("```", "\u02cb\u02cb\u02cb"), longest)}\n\`\`\``;
}
