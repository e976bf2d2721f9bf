/** What is asked of the page's server. Each answers `{ok, ...}`; a fault is told, never thrown. */
async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    return { ok: answer.ok, ...told };
  } catch {
    return { ok: false, message: "The sandbox does not answer. Is it still running?" };
  }
}

export const sendCommand = (user, text, channel) => post("command", { user, text, channel });
export const say = (user, text, channel) => post("say", { user, text, channel });
export const press = (input) => post("action", input);
export const submit = (input) => post("view", input);
export const openHome = (user) => post("home", { user });
export const setSwitch = (name, on) => post("switch", { name, on });
export const killBot = () => post("kill-bot", {});
export const readFacts = async () => (await fetch("facts")).json();
export const pictureOf = (url) => `picture?url=${encodeURIComponent(url)}`;

/** Follows the workspace as one person sees it; returns the way to stop. */
export function follow(user, on) {
  const source = new EventSource(`live?user=${encodeURIComponent(user)}`);
  for (const name of ["channel", "direct", "home", "views", "cloud"]) {
    source.addEventListener(name, (event) => on(name, JSON.parse(event.data)));
  }
  source.addEventListener("open", () => on("connected", true));
  source.addEventListener("error", () => on("connected", false));
  return () => source.close();
}

/** In words, what came of something that was sent to the bot; null when all is well. */
export function troubleOf(answer) {
  if (answer.message) return answer.message;
  if (answer.error === "dispatch_failed") return "The bot is not there: nothing was started.";
  if (answer.error === "operation_timeout") return "The bot did not answer in time.";
  if (answer.status && answer.status !== 200) return `The bot refused it (HTTP ${answer.status}).`;
  return null;
}
