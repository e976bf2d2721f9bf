import { blocks } from "./blocks.js";
import { announce, byId, h } from "./dom.js";
import { press, troubleOf } from "./server.js";
import { draws, state } from "./state.js";

/** The app's home as the person sees it. */
export function startHome() {
  let shown = "";
  draws(["home", "place", "user"], () => {
    const now = JSON.stringify([state.home, state.user]);
    if (now === shown) return;
    shown = now;
    const act = async ({ label, ...action }) => {
      const answer = await press({ user: state.user, viewId: state.home.id, ...action });
      announce(troubleOf(answer) ?? `${label}: sent.`);
    };
    const focus = byId("home").contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    byId("home").replaceChildren(
      state.home
        ? h("div", { class: "blocks" }, ...blocks(state.home.blocks, act))
        : h("p", { class: "empty" }, "The app has not published a home for you yet."),
    );
    if (focus)
      byId("home")
        .querySelector(`[data-focus="${CSS.escape(focus)}"]`)
        ?.focus();
  });
}
