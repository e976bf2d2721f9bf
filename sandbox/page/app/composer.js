import { announce, byId, h } from "./dom.js";
import { say, sendCommand, troubleOf } from "./server.js";
import { channelId, state } from "./state.js";

const COMMANDS = [
  ["launch", "[slot] [--pr N | --ref R] [--tests all|none] [--keep 1h]", "the whole pipeline"],
  ["status", "[slot]", "the board"],
  ["extend", "slot 1h", "keep an environment longer"],
  ["terminate", "slot", "end what stands on it"],
  ["test", "slot [--failed]", "run its tests again"],
  ["update", "slot", "update its services"],
  ["swap", "slot [instance]", "put an instance behind it"],
  ["lock", "slot [--for 2h] [--reason T]", "hold it without launching"],
  ["unlock", "slot [--force]", "give it back"],
  ["queue", "[slot]", "who waits"],
  ["start", "slot", "begin your run when it is your turn"],
  ["leave", "slot", "give your place in the queue up"],
  ["cancel", "run", "stop a run"],
  ["logs", "run [step]", "its last lines"],
  ["history", "[slot]", "earlier runs"],
  ["whoami", "", "your roles"],
  ["help", "[command]", "every command"],
];

const past = [];
let place = 0;
let chosen = -1;

/** The line in which people type: Enter sends, arrows choose or go back in time, Escape puts the list away. */
export function startComposer() {
  const entry = byId("entry");
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  entry.addEventListener("input", suggest);
  entry.addEventListener("blur", () => setTimeout(hide, 150));
  entry.addEventListener("keydown", (event) => {
    const isOpen = !byId("suggestions").hidden;
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      return hide();
    }
    if (event.key === "Tab" && isOpen && !event.shiftKey) return take(event, Math.max(chosen, 0));
    if (event.key === "Enter" && isOpen && chosen >= 0) return take(event, chosen);
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      const step = event.key === "ArrowUp" ? -1 : 1;
      if (isOpen && (chosen >= 0 || step > 0)) choose(chosen + step);
      else back(step);
    }
  });
}

/** Puts text into the line, and sends it at once where that is asked for. */
export function type(text, isSent = false) {
  byId("entry").value = text;
  byId("entry").focus();
  if (isSent) void send();
  else suggest();
}

async function send() {
  const entry = byId("entry");
  const typed = entry.value.trim();
  if (typed === "") return;
  entry.value = "";
  hide();
  past.push(typed);
  place = past.length;
  const command = /^\/stg(?:\s+|$)/.exec(typed);
  if (!command && typed.startsWith("/")) return announce("Only /stg is known here.");
  const answer = command
    ? await sendCommand(state.user, typed.slice(command[0].length), channelId())
    : await say(state.user, typed, channelId());
  const trouble = command ? troubleOf(answer) : null;
  announce(trouble ?? "Sent.");
}

function suggest() {
  const typed = /^\/(?:s|st|stg)?(?:\s+(\S*))?$/.exec(byId("entry").value);
  const fits = typed ? COMMANDS.filter(([name]) => name.startsWith(typed[1] ?? "")) : [];
  const list = byId("suggestions");
  chosen = -1;
  list.replaceChildren(
    ...fits.map(([name, usage, does], index) => {
      const item = h(
        "div",
        { role: "option", id: `suggestion-${index}`, "aria-selected": "false", "data-name": name },
        h("span", { class: "usage" }, h("b", {}, `/stg ${name}`), usage === "" ? "" : ` ${usage}`),
        h("span", { class: "does" }, does),
      );
      // Before the line loses the focus.
      item.addEventListener("mousedown", (event) => take(event, index));
      return item;
    }),
  );
  list.hidden = fits.length === 0;
  byId("entry").setAttribute("aria-expanded", String(fits.length > 0));
}

function choose(index) {
  const items = [...byId("suggestions").children];
  chosen = Math.min(Math.max(index, -1), items.length - 1);
  for (const [at, item] of items.entries()) item.setAttribute("aria-selected", String(at === chosen));
  items[chosen]?.scrollIntoView({ block: "nearest" });
  if (chosen >= 0) byId("entry").setAttribute("aria-activedescendant", items[chosen].id);
  else byId("entry").removeAttribute("aria-activedescendant");
}

function take(event, index) {
  const name = byId("suggestions").children[index]?.dataset.name;
  if (!name) return;
  event.preventDefault();
  byId("entry").value = `/stg ${name} `;
  hide();
}

function hide() {
  byId("suggestions").hidden = true;
  byId("entry").setAttribute("aria-expanded", "false");
  byId("entry").removeAttribute("aria-activedescendant");
  chosen = -1;
}

function back(step) {
  place = Math.min(Math.max(place + step, 0), past.length);
  byId("entry").value = past[place] ?? "";
  hide();
}
