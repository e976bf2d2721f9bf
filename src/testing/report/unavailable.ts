/**
 * Recognises that a browser could not be started because it, or what it needs, is not on this machine.
 * The wordings are Playwright's own (`registry/index.ts` and `browserType.ts`), unchanged in substance since 1.40.
 */
const LAUNCHING = /^(?:Error: )?browserType\.launch(?:PersistentContext|Server)?: /;

const REASONS = [
  /Executable doesn't exist at [^\n]*/i,
  /(?:Chromium|Firefox|Webkit|WebKit) distribution '[^']+' is not (?:found at [^\n]*|supported on [^\n]*)/i,
  /executable doesn't exist/i,
  /Host system is missing dependencies to run browsers/i,
  /Please (?:run|install) (?:the following command|them with the following command)[^\n]*/i,
  /npx playwright install[^\n]*/i,
  /Playwright does not support \S+ on [^\n]*/i,
] as const;

/**
 * The reason in Playwright's words, or undefined when the message is about anything else. Only a failure of the
 * launch itself counts: an assertion that quotes these words is an ordinary failure.
 */
export function reasonUnavailable(message: string): string | undefined {
  if (!LAUNCHING.test(message)) return undefined;
  for (const reason of REASONS) {
    const found = reason.exec(message);
    if (found !== null) return found[0].replace(/[║│\s]+$/, "");
  }
  return undefined;
}
