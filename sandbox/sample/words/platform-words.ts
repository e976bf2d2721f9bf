import { configWords } from "./config-words.ts";
import type { Words } from "./index.ts";
import { startLms } from "./lms-words.ts";

/** `platform`: a tidy command line that does in one word what `ibl` needs several for. */
export const platformWords: Words = async (platform, words, call) => {
  const [topic, verb] = words;
  if (topic === "config") return configWords(platform, words.slice(1), call, { keepsCredentials: true });
  if (topic === "lms") return startLms(platform, words.slice(1), call);
  if (topic === "proxy" && verb === "reload") {
    call.stdout("Proxy reloaded.");
    return platform.container("proxy").running ? 0 : 1;
  }
  if (topic === "status") {
    for (const [name, container] of platform.containers) {
      const state = container.listening ? "answers" : container.running ? "running" : "stopped";
      call.stdout(`${name.padEnd(10)} ${state}`);
    }
    return 0;
  }
  if (topic === "version") {
    call.stdout(platform.version());
    return 0;
  }
  call.stderr("usage: platform config … | lms start [-d] | lms stop | proxy reload | status | version");
  return 2;
};
