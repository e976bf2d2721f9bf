import { byId, h } from "./dom.js";
import { openHome } from "./server.js";
import { change, draws, state } from "./state.js";

const ROLES = {
  viewer: "may look",
  developer: "launches",
  developer2: "another one",
  maintainer: "frees what others hold",
  release: "deploys",
  outsider: "a guest: no role",
};

/** Whom the reader acts as: a list beside, and a menu on narrow screens. */
export function startPeople() {
  draws(["facts"], () => {
    const names = state.facts.people.map((person) => person.name);
    byId("people").replaceChildren(
      ...names.map((name) =>
        h(
          "label",
          { class: "person" },
          h("input", {
            type: "radio",
            name: "person",
            value: name,
            checked: name === state.user,
            onchange: () => become(name),
          }),
          h("span", { class: `face face-${name}`, "aria-hidden": "true" }, name[0].toUpperCase()),
          h("span", {}, h("b", {}, name), h("small", {}, ROLES[name] ?? "")),
        ),
      ),
    );
    byId("who").replaceChildren(
      ...names.map((name) => h("option", { value: name, selected: name === state.user }, name)),
    );
  });
  byId("who").addEventListener("change", (event) => become(event.target.value));
  draws(["user"], () => {
    byId("who").value = state.user;
    for (const input of byId("people").querySelectorAll("input")) input.checked = input.value === state.user;
  });
}

function become(name) {
  change({ user: name, channel: [], direct: [], home: null, views: [], thread: null });
  if (state.place === "home") void openHome(name);
}
