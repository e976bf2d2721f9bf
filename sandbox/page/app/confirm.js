import { byId, h } from "./dom.js";

/** Asks before something is done, as a button's `confirm` says. Escape is a no. */
export function confirmed({ title, text, confirm, deny, style }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "confirm", "aria-labelledby": "confirm-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, title.text),
        h("p", {}, text.text),
        h(
          "footer",
          {},
          h("button", { value: "no", class: "plain" }, deny.text),
          h("button", { value: "yes", class: style ?? "danger", autofocus: true }, confirm.text),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    byId("dialogs").append(dialog);
    dialog.showModal();
  });
}
