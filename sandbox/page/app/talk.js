import { announce, byId, fill, h } from "./dom.js";
import { intro } from "./intro.js";
import { message } from "./message.js";
import { channelId, draws, state } from "./state.js";

/** Nearer to the end than this, the reader follows; further up, the page stays where it is. */
const NEAR_PX = 80;

/** The messages of the channel, or of the person's talk with the app. */
export function startTalk() {
  const scroll = byId("scroll");
  const newer = byId("newer");
  let follows = true;
  let shown = "";
  const toEnd = () => {
    scroll.scrollTop = scroll.scrollHeight;
    newer.hidden = true;
  };
  scroll.addEventListener("scroll", () => {
    follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_PX;
    if (follows) newer.hidden = true;
  });
  // Pictures come later than their messages, and make them longer.
  scroll.addEventListener("load", () => follows && toEnd(), true);
  new ResizeObserver(() => follows && toEnd()).observe(scroll);
  newer.addEventListener("click", () => {
    toEnd();
    byId("entry").focus();
  });

  draws(["channel", "direct", "place", "user", "facts"], () => {
    if (!state.facts) return;
    const isDirect = state.place === "direct";
    const list = isDirect ? state.direct : state.channel;
    const where = `${state.place} ${state.user}`;
    const hasMoved = where !== shown;
    const before = byId("messages").lastElementChild?.dataset.key;
    if (hasMoved) {
      byId("messages").replaceChildren();
      byId("intro").replaceChildren(...intro(isDirect));
      follows = true;
      shown = where;
    }
    fill(
      byId("messages"),
      list,
      (one) => one.ts,
      (one) => message(one, { channel: channelId() }),
    );
    const last = list.at(-1);
    if (!hasMoved && last && last.ts !== before) tell(last);
    if (follows) toEnd();
    else if (last && last.ts !== before) newer.hidden = false;
  });
}

function tell(one) {
  const text = one.text.replaceAll(/<[^>|]*\|([^>]*)>/g, "$1").replaceAll(/[*`<>]/g, "");
  announce(`${one.name}: ${text.split("\n")[0].slice(0, 160)}`);
}

/** For a place where nothing was said. */
export const empty = (text) => h("p", { class: "empty" }, text);
