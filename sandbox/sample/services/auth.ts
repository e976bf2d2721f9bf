import { z } from "zod";
import type { Handler } from "../container.ts";
import type { OAuthCredentials } from "../records.ts";
import { ask, pathOf, readForm, redirect, sendHtml } from "./http.ts";
import { signInPage, stalePage } from "./pages.ts";
import { PORTS } from "./ports.ts";

const token = z.object({ access_token: z.string() });

export interface AuthOptions {
  readonly address: string;
  version(): string;
  /** The client credentials that the container was started with. */
  credentials(): OAuthCredentials;
}

/** The Auth SPA: it signs people in at the LMS with the client credentials from the configuration. */
export function auth(options: AuthOptions): Handler {
  return async (request, response) => {
    const path = pathOf(request);
    const version = options.version();
    if (path === "/sign-out") return redirect(response, "/", { "set-cookie": "session=; Path=/; Max-Age=0" });
    if (request.method !== "POST") return sendHtml(response, 200, signInPage(version));
    const form = await readForm(request);
    const { clientId, clientSecret } = options.credentials();
    const answer = await ask(options.address, PORTS.lms, "/oauth2/token", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        client_id: clientId,
        client_secret: clientSecret,
        username: form.get("name") ?? "",
        password: form.get("password") ?? "",
      }).toString(),
    }).catch(() => undefined);
    if (answer === undefined) return sendHtml(response, 502, signInPage(version, "The LMS does not answer."));
    if (answer.status === 409) return sendHtml(response, 409, stalePage(version));
    if (answer.status !== 200) return sendHtml(response, 401, signInPage(version, "Wrong name or password."));
    const { access_token } = token.parse(JSON.parse(answer.body));
    redirect(response, "/notes", { "set-cookie": `session=${access_token}; Path=/; HttpOnly; SameSite=Lax` });
  };
}
