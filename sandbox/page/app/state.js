/** What the page shows. Whoever draws a part of it asks to be called when that part changes. */
export const state = {
  facts: null,
  user: "developer",
  /** channel, direct, home, or (on a narrow screen) cloud. */
  place: "channel",
  /** The message whose thread is open. */
  thread: null,
  channel: [],
  direct: [],
  home: null,
  views: [],
  cloud: null,
  connected: true,
};

const drawers = [];

/** @param parts The parts of the state that it draws. */
export function draws(parts, draw) {
  drawers.push({ parts, draw });
}

export function change(changes) {
  Object.assign(state, changes);
  const changed = Object.keys(changes);
  for (const { parts, draw } of drawers) if (parts.some((part) => changed.includes(part))) draw(state);
}

export function personId(name = state.user) {
  return state.facts?.people.find((person) => person.name === name)?.id ?? name;
}

export function nameOf(id) {
  if (id === "U0SLIPWAY") return "slipway";
  return state.facts?.people.find((person) => person.id === id)?.name ?? id;
}

/** Where what is typed now goes: the channel, or the person's own talk with the app. */
export function channelId() {
  return state.place === "direct" ? personId() : state.facts?.channel;
}
