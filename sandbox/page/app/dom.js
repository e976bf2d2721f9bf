/** Makes an element: `h("p", { class: "quiet", onclick }, "text", child)`. Text is text: nothing is parsed. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/**
 * Replaces the children of a list by key: what has not changed keeps its element, and with it the reader's focus,
 * selection and scrolling. `make` is called only for what is new or different.
 */
export function fill(list, items, keyOf, make) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const print = JSON.stringify(item);
    const known = old.get(key);
    if (known?.dataset.print === print) return known;
    const made = make(item);
    made.dataset.key = key;
    made.dataset.print = print;
    if (known) keepFocus(known, made);
    return made;
  });
  wanted.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  for (const element of wanted) element.dispatchEvent(new Event("placed"));
}

/** A button that had the focus gives it to the one that takes its place. */
function keepFocus(before, after) {
  const focused = document.activeElement;
  const id = before.contains(focused) ? focused.dataset.focus : undefined;
  if (!id) return;
  after.addEventListener("placed", () => after.querySelector(`[data-focus="${CSS.escape(id)}"]`)?.focus(), {
    once: true,
  });
}

/** Tells people who do not see the page. */
export function announce(text) {
  byId("live").textContent = text;
}

export function timeOf(ts) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
