import { draws, state } from "./state.js";

/** Of this tab alone: two tabs are two people. */
const KEY = "slipway-sandbox";

/** Keeps whom the reader acts as, and where, over a reload. */
export function remember() {
  draws(["user", "place", "thread"], () => {
    const { user, place, thread } = state;
    sessionStorage.setItem(KEY, JSON.stringify({ user, place, thread }));
  });
}

/** What was kept, as far as it still makes sense. */
export function remembered({ people }) {
  try {
    const { user, place, thread } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    if (!people.some(({ name }) => name === user)) return {};
    return { user, place, thread };
  } catch {
    return {};
  }
}
