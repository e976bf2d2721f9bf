import { byId, fill, h } from "./dom.js";
import { isVisible, message } from "./message.js";
import { change, channelId, draws, state } from "./state.js";

/** The pane beside: one message and what was said below it. */
export function startThread() {
  byId("pane-body").append(h("ol", { id: "thread" }));
  const body = byId("pane-body");
  let wasAtEnd = true;
  // Pictures come later than their messages, and make them longer.
  body.addEventListener("load", () => wasAtEnd && body.scrollTo(0, body.scrollHeight), true);
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
    wasAtEnd = body.scrollHeight - body.scrollTop - body.clientHeight < 60;
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
      wasAtEnd = true;
    }
    // What was said last is what is looked for; the message itself is still there in the channel.
    if (wasAtEnd) body.scrollTop = body.scrollHeight;
  });
}

function close() {
  const opener = document.querySelector(`[data-focus="replies-${state.thread}"]`);
  change({ thread: null });
  (opener ?? byId("entry")).focus();
}
