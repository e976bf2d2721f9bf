/**
 * The web application's pages. Every control has a label or a role, so that tests find it as a person would.
 */

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

export interface PageFrame {
  readonly title: string;
  readonly version: string;
  readonly user?: string | undefined;
}

function page(frame: PageFrame, body: string): string {
  const session =
    frame.user === undefined
      ? `<a href="/sign-in">Sign in</a>`
      : `<span data-testid="user">${escapeHtml(frame.user)}</span> <form method="post" action="/sign-out"><button>Sign out</button></form>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(frame.title)} · Mentor</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { max-width: 44rem; margin: 0 auto; padding: 1rem }
nav { display: flex; gap: 1rem; align-items: center; border-bottom: 1px solid #8884; padding-bottom: .5rem }
nav form { display: inline } .grow { flex: 1 }
li { display: flex; gap: 1rem; align-items: center; padding: .25rem 0 } li span { flex: 1 }
label { display: block; margin: .5rem 0 } input { font: inherit; padding: .25rem .5rem }
button { font: inherit; padding: .25rem .75rem } [role=alert] { color: #c33 }
footer { margin-top: 2rem; font-size: .85rem; opacity: .7 }
</style>
</head>
<body>
<nav><a href="/">Home</a> <a href="/notes">Notes</a> <a href="/report">Report</a> <a href="/skills">Skills</a> <span class="grow"></span> ${session}</nav>
<main>
<h1>${escapeHtml(frame.title)}</h1>
${body}
</main>
<footer>Version <code data-testid="version">${escapeHtml(frame.version)}</code></footer>
</body>
</html>
`;
}

export function homePage(frame: Omit<PageFrame, "title">): string {
  return page(
    { ...frame, title: "Welcome to Mentor" },
    `<p>Keep notes while you learn. <a href="/notes">See your notes</a>.</p>`,
  );
}

export function signInPage(version: string, problem?: string): string {
  const alert = problem === undefined ? "" : `<p role="alert">${escapeHtml(problem)}</p>`;
  return page(
    { title: "Sign in", version },
    `${alert}
<form method="post" action="/sign-in">
<label>Name <input name="name" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>`,
  );
}

export interface ShownNote {
  readonly id: number;
  readonly text: string;
}

export function notesPage(frame: Omit<PageFrame, "title">, notes: readonly ShownNote[]): string {
  const items = notes.map(
    ({ id, text }) =>
      `<li><span>${escapeHtml(text)}</span><form method="post" action="/notes/${id}/delete"><button aria-label="Delete ${escapeHtml(text)}">Delete</button></form></li>`,
  );
  return page(
    { ...frame, title: "Notes" },
    `<form method="post" action="/notes">
<label>New note <input name="text" maxlength="200" required></label>
<button>Add</button>
</form>
<p data-testid="count">${notes.length} ${notes.length === 1 ? "note" : "notes"}</p>
<ul aria-label="Notes">
${items.join("\n")}
</ul>`,
  );
}

export interface ReportRow {
  readonly week: number;
  readonly hours: number;
}

export function reportPage(
  frame: Omit<PageFrame, "title">,
  report: { readonly rows: readonly ReportRow[]; readonly total: number },
): string {
  const rows = report.rows.map(({ week, hours }) => `<tr><td>Week ${week}</td><td>${hours}</td></tr>`);
  return page(
    { ...frame, title: "Monthly report" },
    `<table><thead><tr><th>Week</th><th>Hours</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
<tfoot><tr><th>Total</th><td data-testid="total">${report.total}</td></tr></tfoot></table>`,
  );
}

export function skillsPage(version: string): string {
  return page(
    { title: "Skills", version },
    `<p>Skills that the platform teaches: reading, writing, deploying.</p>`,
  );
}

export function stalePage(version: string): string {
  return page(
    { title: "Signed in elsewhere", version },
    `<p role="alert">409: this session belongs to other OAuth credentials. <a href="/sign-in">Sign in</a> again.</p>`,
  );
}

export function faultPage(version: string, what: string): string {
  return page({ title: "Something is not working", version }, `<p role="alert">${escapeHtml(what)}</p>`);
}
