// Keeps a page true without loading it again, and follows a run's log.

const MOST_LINES = 5000;
// Colours and cursor movements of programs' output.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

const part = document.getElementById("page");
if (part?.dataset.refresh) setTimeout(refresh, Number(part.dataset.refresh));
const log = document.getElementById("log");
if (log) follow(log, document.getElementById("log-state"));

/** The server draws the page; what differs is put in its place, so that focus and open parts stay where they are. */
async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status === 401) return location.reload();
      if (answer.ok) show(await answer.text());
    } catch {
      document.body.classList.add("offline");
    }
  }
  if (part.dataset.refresh) setTimeout(refresh, Number(part.dataset.refresh));
}

function show(text) {
  document.body.classList.remove("offline");
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const now = fresh.getElementById("page");
  if (!now) return;
  document.title = fresh.title;
  if (!now.dataset.refresh) delete part.dataset.refresh;
  merge(part, now);
}

/** Makes one element's children like another's, touching only what differs. */
function merge(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, index) => {
    const known = before[index];
    if (!known) old.append(node);
    else if (!known.isEqualNode(node)) mergeOne(known, node);
  });
  for (const node of before.slice(after.length)) node.remove();
}

function mergeOne(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.nodeType !== Node.ELEMENT_NODE || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  merge(old, fresh);
}

function follow(box, state) {
  const source = new EventSource(box.dataset.stream);
  const waiting = [];
  let lastPath = "";
  const say = (text) => {
    state.textContent = text;
  };
  say("Nothing written yet.");

  const flush = () => {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    const lines = document.createDocumentFragment();
    for (const { path, at, line } of waiting.splice(0)) {
      if (path !== lastPath) lines.append(element("div", "step", path.replaceAll("/", " › ")));
      lastPath = path;
      const row = element("div", "line", "");
      row.append(element("span", "at", at.slice(11, 19)), line.replace(ESCAPES, ""));
      lines.append(row);
    }
    box.append(lines);
    while (box.childElementCount > MOST_LINES) box.firstElementChild.remove();
    if (atEnd) box.scrollTop = box.scrollHeight;
  };
  source.onmessage = ({ data }) => {
    if (waiting.push(JSON.parse(data)) === 1) requestAnimationFrame(flush);
    say("Following; new lines appear by themselves. Times are UTC.");
  };
  source.addEventListener("end", () => {
    source.close();
    requestAnimationFrame(() =>
      say(box.childElementCount === 0 ? "Nothing was written." : "That is all. Times are UTC."),
    );
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) say("The log cannot be read. Load the page again.");
    else say("The connection was lost; trying again …");
  };
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
