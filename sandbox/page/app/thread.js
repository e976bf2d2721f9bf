import { byId, fill, h } from "./dom.js";
import { isVisible, message } from "./message.js";
import { change, channelId, draws, state } from "./state.js";

/** The pane beside: one message and what was said below it. */
export function startThread() {
  byId("pane-body").append(h("ol", { id: "thread" }));
  byId("pane-close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.thread && !document.querySelector("dialog[open]")) close();
  });
  let shown = null;
  draws(["thread", "channel", "direct", "place"], () => {
    const list = state.place === "direct" ? state.direct : state.channel;
    const parent = list.find((one) => one.ts === state.thread);
    byId("pane").hidden = !parent;
    document.body.toggleAttribute("data-thread", Boolean(parent));
    if (!parent) {
      shown = null;
      return;
    }
    const body = byId("pane-body");
    const wasAtEnd = body.scrollHeight - body.scrollTop - body.clientHeight < 60;
    const said = [{ ...parent, thread: [] }, ...parent.thread.filter(isVisible)];
    fill(
      byId("thread"),
      said,
      (one) => one.ts,
      (one) => message(one, { channel: channelId(), inThread: true }),
    );
    const count = said.length - 1;
    byId("pane-title").textContent = `Thread · ${count === 1 ? "1 reply" : `${count} replies`}`;
    if (shown !== state.thread) {
      shown = state.thread;
      byId("pane-close").focus();
      body.scrollTop = 0;
    } else if (wasAtEnd) body.scrollTop = body.scrollHeight;
  });
}

function close() {
  const opener = document.querySelector(`[data-focus="replies-${state.thread}"]`);
  change({ thread: null });
  (opener ?? byId("entry")).focus();
}
