import { blocks } from "./blocks.js";
import { announce, byId, h } from "./dom.js";
import { entered, field } from "./fields.js";
import { press, submit, troubleOf } from "./server.js";
import { draws, state } from "./state.js";

/** The modal on top of the person's stack, as a dialog. */
export function startModal() {
  let open = null;
  let shown = "";
  let from = null;
  draws(["views"], () => {
    const view = state.views.at(-1) ?? null;
    const now = view ? `${view.id} ${view.hash}` : "";
    if (now === shown) return;
    shown = now;
    const values = open && view && open.dataset.view === view.id ? read(open) : {};
    if (!open) from = document.activeElement?.dataset.focus ?? null;
    open?.remove();
    open = view ? dialogOf(view, values) : null;
    if (!open) return cameFrom(from).focus();
    byId("dialogs").append(open);
    open.showModal();
    open.querySelector("input, select, textarea")?.focus();
  });
}

/** Where the keyboard was before the dialog: what stood there may have been drawn anew since. */
function cameFrom(key) {
  const home = byId("home");
  if (home.hidden) return byId("entry");
  const known = key === null ? null : home.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  return known ?? home.querySelector("button") ?? byId("entry");
}

function dialogOf(view, values) {
  const errors = h("p", { class: "trouble", role: "alert" });
  const form = h("form", { novalidate: true });
  const dialog = h(
    "dialog",
    { class: "modal", "aria-labelledby": `title-${view.id}`, "data-view": view.id },
    form,
  );
  const act = async ({ label, ...action }) => {
    const answer = await press({ user: state.user, viewId: view.id, ...action });
    announce(troubleOf(answer) ?? `${label}: sent.`);
  };
  const parts = view.blocks.flatMap((block) =>
    block.type === "input" ? [field(block, values[block.block_id])] : blocks([block], act),
  );
  form.append(
    h("header", {}, h("h2", { id: `title-${view.id}` }, view.title.text), closer(view)),
    h("div", { class: "modal-body blocks" }, ...parts, errors),
    h(
      "footer",
      {},
      h(
        "button",
        { type: "button", class: "plain", onclick: () => close(view) },
        view.close?.text ?? "Cancel",
      ),
      view.submit ? h("button", { type: "submit", class: "primary" }, view.submit.text) : null,
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(view, dialog, errors);
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    void close(view);
  });
  return dialog;
}

function closer(view) {
  return h(
    "button",
    { type: "button", class: "quiet", "aria-label": "Close", onclick: () => close(view) },
    "✕",
  );
}

const close = (view) => submit({ user: state.user, viewId: view.id, close: true });

async function send(view, dialog, errors) {
  for (const old of dialog.querySelectorAll(".field-error")) old.textContent = "";
  const answer = await submit({ user: state.user, viewId: view.id, values: read(dialog) });
  // What is said below a field need not be said twice.
  errors.textContent = answer.errors ? (answer.errors[""] ?? "") : (troubleOf(answer) ?? "");
  for (const [block, text] of Object.entries(answer.errors ?? {})) {
    const place = dialog.querySelector(`[data-block="${CSS.escape(block)}"] .field-error`);
    if (place) place.textContent = text;
  }
}

/** What was filled in, by block. */
function read(dialog) {
  const values = {};
  for (const box of dialog.querySelectorAll("[data-block]")) values[box.dataset.block] = entered(box);
  return values;
}
