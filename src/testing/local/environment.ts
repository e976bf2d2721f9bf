import type { TestSettings } from "../runner.ts";

/** The only variables of the bot's own that a suite sees: what programs need to be found and to speak. */
const PASSED_ON = ["PATH", "HOME", "LANG", "TZ"] as const;

export type HostEnvironment = Readonly<Partial<Record<(typeof PASSED_ON)[number], string>>>;

/** Picks those out of the bot's environment; nothing else leaves this function. */
export function hostEnvironment(env: Readonly<Record<string, string | undefined>>): HostEnvironment {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** The whole environment of one browser's suite. */
export function suiteEnvironment(
  host: HostEnvironment,
  settings: TestSettings,
  browser: string,
): Record<string, string> {
  const user = settings.users[browser];
  return {
    ...host,
    CI: "1",
    ...settings.env,
    ...(user === undefined ? {} : { TEST_USER: user.name, TEST_PASSWORD: user.password }),
  };
}
