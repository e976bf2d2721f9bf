import { announce, byId, h } from "./dom.js";
import { killBot, setSwitch } from "./server.js";
import { draws, nameOf, state } from "./state.js";

/** What lives in the account now, who has which slot, and switches for what goes wrong. */
export function startCloud() {
  const slots = h("ul", { class: "slots" });
  const lives = h("div", { class: "lives" });
  const switches = h("div", { class: "switches" });
  const bot = h("p", { class: "bot-state", role: "status" });
  const kill = h("button", { type: "button", class: "danger", onclick: () => killed(kill) }, "Kill the bot");
  byId("cloud").append(
    section("Slots", slots),
    section("In the cloud now", lives),
    section("Make it go wrong", switches, h("div", { class: "kill" }, bot, kill)),
    section("Addresses", h("dl", { id: "addresses" })),
  );
  const draw = unlessSame();
  draws(["cloud", "facts"], () => {
    if (!state.cloud || !state.facts) return;
    draw("slots", state.cloud.slots, () => slots.replaceChildren(...slotList()));
    draw("lives", state.cloud.state, () => lives.replaceChildren(...living(state.cloud.state)));
    draw("switches", state.cloud.switches, () =>
      switches.replaceChildren(...state.cloud.switches.map(toggle)),
    );
    draw("bot", state.cloud.bot, () => {
      bot.textContent = state.cloud.bot.isUp ? "The bot is up." : "The bot is down.";
      bot.dataset.up = state.cloud.bot.isUp;
    });
  });
  draws(["facts"], () => byId("addresses").replaceChildren(...addresses(state.facts)));
}

const section = (title, ...parts) => h("section", {}, h("h2", {}, title), ...parts);

function unlessSame() {
  const shown = new Map();
  return (part, value, draw) => {
    const now = JSON.stringify(value);
    if (shown.get(part) === now) return;
    shown.set(part, now);
    draw();
  };
}

function slotList() {
  const known = new Map((state.cloud.slots?.slots ?? []).map((slot) => [slot.name, slot]));
  return Object.entries(state.facts.slots).map(([name, url]) => {
    const slot = known.get(name);
    const word = slot?.state ?? "unknown";
    return h(
      "li",
      {},
      h("span", { class: `dot ${word}`, "aria-hidden": "true" }),
      h("a", { href: url, target: "_blank", rel: "noopener" }, name),
      h("span", { class: "quiet" }, slot ? aboutSlot(slot) : "the bot does not answer"),
    );
  });
}

function aboutSlot({ state: word, holder, run, queue }) {
  const who = holder ? ` · ${nameOf(holder.replace(/^slack:/, ""))}` : "";
  const what = run ? ` · run #${run}` : "";
  return `${word}${who}${what}${queue.length > 0 ? ` · ${queue.length} waiting` : ""}`;
}

function living(now) {
  if (!now) return [h("p", { class: "quiet" }, "The cloud does not answer.")];
  const { instances, rules, targets, jobs } = now;
  const count = (list, one) => `${list.length} ${one}${list.length === 1 ? "" : "s"}`;
  const rows = instances.map((instance) =>
    h(
      "li",
      {},
      h("code", {}, instance.id),
      h(
        "span",
        { class: "quiet" },
        `${instance.state} · ${instance.type} · ${instance.tags["slipway:slot"] ?? "?"}${healthOf(targets, instance)}`,
      ),
    ),
  );
  return [
    rows.length > 0 ? h("ul", {}, ...rows) : h("p", { class: "quiet" }, "No instance: nothing is paid for."),
    h(
      "p",
      { class: "quiet" },
      [count(rules, "rule"), count(targets, "target"), count(jobs, "job")].join(" · "),
    ),
  ];
}

function healthOf(targets, { id }) {
  const target = targets.find((one) => one.id === id);
  return target ? ` · ${target.state}` : "";
}

function toggle({ name, label, hint, on }) {
  const id = `switch-${name}`;
  const input = h("input", {
    type: "checkbox",
    role: "switch",
    id,
    checked: on,
    "aria-describedby": `${id}-hint`,
  });
  input.addEventListener("change", async () => {
    const answer = await setSwitch(name, input.checked);
    announce(answer.message ?? `${label}: ${input.checked ? "on" : "off"}.`);
  });
  return h(
    "div",
    { class: "switch" },
    input,
    h("label", { for: id }, label),
    h("small", { id: `${id}-hint` }, hint),
  );
}

async function killed(button) {
  button.disabled = true;
  button.textContent = "Killed; starting again …";
  const answer = await killBot();
  announce(answer.message ?? "The bot was killed and is up again: its runs go on where they were.");
  button.textContent = "Kill the bot";
  button.disabled = false;
}

function addresses(facts) {
  const rows = [
    ["bot", facts.bot],
    ["Slack", facts.slack],
    ["GitHub", facts.github],
    ["cloud", facts.aws],
    ["repository", `${facts.repository}, pull request ${facts.pullRequest}`],
    ["folder", facts.directory],
  ];
  return rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}
