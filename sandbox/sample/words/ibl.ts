import { configWords } from "./config-words.ts";
import type { Words } from "./index.ts";
import { lmsSql, startLms } from "./lms-words.ts";

/**
 * `ibl`: the real platform's command line, with its traps. `config save` regenerates auth.yml without the
 * single sign-on's credentials, and `launch --ibl-oauth` makes new ones, so that both are stale until a step
 * reads them from the LMS database and restarts the Auth SPA.
 */
export const ibl: Words = async (platform, words, call) => {
  const line = words.join(" ");
  if (words[0] === "config") return configWords(platform, words.slice(1), call, { keepsCredentials: false });
  if (line.startsWith("tutor config save")) {
    call.stdout("Environment generated in the tutor root.");
    return 0;
  }
  if (line.startsWith("edx sql ")) return lmsSql(platform, words.slice(2), call);
  if (line.startsWith("edx sync-with-manager"))
    return needsLms(() => call.stdout("Users are in step with the manager."));
  if (words[0] === "edx") return startLms(platform, words.slice(1), call);
  if (words[0] === "launch") {
    return needsLms(() => {
      if (words.includes("--ibl-oauth")) platform.renewApplications();
      call.stdout(`Integrations launched: ${words.slice(1).join(" ")}`);
    });
  }
  if (line === "dm auth-setup") return needsLms(() => call.stdout("DM authentication is set up."));
  if (line === "proxy reload") {
    call.stdout("Proxy reloaded.");
    return 0;
  }
  call.stderr(`ibl: no such command: ${line}`);
  return 2;

  function needsLms(work: () => void): number {
    if (!platform.container("lms").listening) {
      call.stderr("ibl: the LMS does not answer");
      return 1;
    }
    work();
    return 0;
  }
};
