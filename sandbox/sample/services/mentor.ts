import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import type { Handler } from "../container.ts";
import { type Answer, ask, cookieOf, pathOf, readForm, redirect, sendHtml } from "./http.ts";
import { faultPage, homePage, notesPage, reportPage, stalePage } from "./pages.ts";
import { PORTS } from "./ports.ts";

const listing = z.object({
  user: z.string(),
  notes: z.array(z.object({ id: z.number(), text: z.string() })),
});

const report = z.object({
  rows: z.array(z.object({ week: z.number(), hours: z.number() })),
  total: z.number(),
});

export interface MentorOptions {
  readonly address: string;
  version(): string;
  /** Does it answer nothing now (after its start, until a restart)? */
  empty(): boolean;
}

/** The Mentor SPA: the pages of the web application, with DM's API behind them. */
export function mentor(options: MentorOptions): Handler {
  const api = (request: IncomingMessage, path: string, method: string, body?: string): Promise<Answer> =>
    ask(options.address, PORTS.dm, path, {
      method,
      headers: {
        authorization: `Bearer ${cookieOf(request, "session") ?? ""}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      ...(body === undefined ? {} : { body }),
    });

  /** Shows what DM did not allow; true when it did. */
  const allowed = (answer: Answer, response: ServerResponse): boolean => {
    const version = options.version();
    if (answer.status === 401) redirect(response, "/sign-in");
    else if (answer.status === 409) sendHtml(response, 409, stalePage(version));
    else if (answer.status >= 400)
      sendHtml(response, 502, faultPage(version, `DM answered ${answer.status}.`));
    else return true;
    return false;
  };

  return async (request, response) => {
    if (options.empty()) {
      request.socket.destroy();
      return;
    }
    const version = options.version();
    const path = pathOf(request);
    if (path === "/") return sendHtml(response, 200, homePage({ version, user: shownUser(request) }));
    const deleted = /^\/notes\/(\d+)\/delete$/.exec(path)?.[1];
    try {
      if (path === "/notes" && request.method === "POST") {
        const text = (await readForm(request)).get("text") ?? "";
        const answer = await api(request, "/api/notes", "POST", new URLSearchParams({ text }).toString());
        if (allowed(answer, response)) redirect(response, "/notes");
      } else if (deleted !== undefined && request.method === "POST") {
        const answer = await api(request, `/api/notes/${deleted}`, "DELETE");
        if (allowed(answer, response)) redirect(response, "/notes");
      } else if (path === "/report") {
        const answer = await api(request, "/api/report", "GET");
        if (!allowed(answer, response)) return;
        const found = report.parse(JSON.parse(answer.body));
        sendHtml(response, 200, reportPage({ version, user: shownUser(request) }, found));
      } else if (path === "/notes") {
        const answer = await api(request, "/api/notes", "GET");
        if (!allowed(answer, response)) return;
        const { user, notes } = listing.parse(JSON.parse(answer.body));
        sendHtml(response, 200, notesPage({ version, user }, notes));
      } else sendHtml(response, 404, faultPage(version, "There is no such page."));
    } catch {
      if (!response.headersSent) sendHtml(response, 502, faultPage(version, "DM does not answer."));
    }
  };
}

/** The name in the session, for display alone: whoever shows data asks DM. */
function shownUser(request: IncomingMessage): string | undefined {
  const name = cookieOf(request, "session")?.split(".")[0];
  return name === undefined || name === "" ? undefined : Buffer.from(name, "base64url").toString();
}
