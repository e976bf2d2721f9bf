import { byId, h } from "./dom.js";
import { openHome } from "./server.js";
import { change, draws, state } from "./state.js";

const PLACES = [
  { name: "channel", label: "staging", sign: "#", note: "Everyone sees this channel" },
  { name: "direct", label: "slipway", sign: "✉", note: "Between you and the app" },
  { name: "home", label: "Home", sign: "▦", note: "The app's home: the board" },
  { name: "cloud", label: "Cloud", sign: "☁", note: "What lives in the account, and what goes wrong" },
];

/** The list of places; on a narrow screen it is the bar at the bottom. */
export function startPlaces() {
  byId("places").append(
    ...PLACES.map(({ name, label, sign }) =>
      h(
        "button",
        { type: "button", "data-place": name, onclick: () => go(name) },
        h("span", { class: "sign", "aria-hidden": "true" }, sign),
        label,
      ),
    ),
  );
  draws(["place", "user", "thread", "facts"], draw);
}

/** Opens a place as a person would by a click: the app is told when its home is opened. */
export function go(name) {
  if (name !== state.place) change({ place: name, thread: null });
  if (name === "home") void openHome(state.user);
}

function draw() {
  const { name, label, sign, note } = PLACES.find((one) => one.name === state.place);
  for (const button of byId("places").children) {
    const isHere = button.dataset.place === name;
    button.toggleAttribute("data-here", isHere);
    if (isHere) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  document.body.dataset.place = name;
  byId("place-title").textContent = name === "channel" ? `${sign} ${label}` : label;
  byId("place-note").textContent = note;
  byId("talk").hidden = name === "home";
  byId("home").hidden = name !== "home";
}
