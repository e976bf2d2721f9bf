import { z } from "zod";
import type { Handler } from "../container.ts";
import { ask, pathOf, readForm, sendJson } from "./http.ts";
import { PORTS } from "./ports.ts";

const inspection = z.object({
  active: z.boolean(),
  stale: z.boolean().optional(),
  username: z.string().optional(),
});

interface Note {
  readonly id: number;
  readonly text: string;
}

const HOURS = [9, 12, 11, 10];

/** The hours of each week and their sum. The application's fault on demand: the last week is not counted. */
function monthlyReport(broken: boolean) {
  const rows = HOURS.map((hours, index) => ({ week: index + 1, hours }));
  const counted = broken ? HOURS.slice(0, -1) : HOURS;
  return { rows, total: counted.reduce((sum, hours) => sum + hours, 0) };
}

/** DM: the application's data behind an API. It asks the LMS about every token. */
export function dm(address: string, broken: () => boolean): Handler {
  const notes = new Map<string, Note[]>();
  let lastId = 0;
  return async (request, response) => {
    const path = pathOf(request);
    if (path === "/") return sendJson(response, 200, { service: "dm" });
    if (path === "/api/report") return sendJson(response, 200, monthlyReport(broken()));
    if (!path.startsWith("/api/notes")) return sendJson(response, 404, { error: "not_found" });

    const token = (request.headers.authorization ?? "").replace(/^Bearer\s*/, "");
    const answer = await ask(address, PORTS.lms, "/oauth2/introspect", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ token }).toString(),
    }).catch(() => undefined);
    if (answer === undefined) return sendJson(response, 503, { error: "lms_unreachable" });
    const known = inspection.parse(JSON.parse(answer.body));
    if (known.stale) return sendJson(response, 409, { error: "stale_credentials" });
    if (!known.active || known.username === undefined)
      return sendJson(response, 401, { error: "unauthorized" });

    const own = notes.get(known.username) ?? [];
    const id = Number(/^\/api\/notes\/(\d+)$/.exec(path)?.[1]);
    if (request.method === "POST") {
      const text = ((await readForm(request)).get("text") ?? "").trim().slice(0, 200);
      if (text === "") return sendJson(response, 400, { error: "empty" });
      notes.set(known.username, [...own, { id: ++lastId, text }]);
      return sendJson(response, 201, { id: lastId });
    }
    if (request.method === "DELETE" && !Number.isNaN(id)) {
      notes.set(
        known.username,
        own.filter((note) => note.id !== id),
      );
      return sendJson(response, 200, { deleted: id });
    }
    sendJson(response, 200, { user: known.username, notes: own });
  };
}
