import { createHmac, timingSafeEqual } from "node:crypto";
import type { Handler } from "../container.ts";
import type { OAuthCredentials, Records } from "../records.ts";
import { pathOf, readForm, sendJson } from "./http.ts";

/**
 * The LMS: it owns the users and the OAuth applications, gives out tokens and tells whether one is good. A
 * token is bound to the application's credentials of this LMS, so another machine's LMS does not know it.
 */
export function lms(records: Records, accounts: () => Readonly<Record<string, string>>): Handler {
  return async (request, response) => {
    const path = pathOf(request);
    if (path === "/heartbeat")
      return sendJson(response, 200, { modulestore: { status: true }, sql: { status: true } });
    if (path === "/oauth2/token" && request.method === "POST") {
      const form = await readForm(request);
      const database = records.lms();
      const application = database.applications["spa-sso"];
      if (application === undefined || !sameCredentials(application, form)) {
        return sendJson(response, 409, {
          error: "invalid_client",
          detail: "These client credentials are stale.",
        });
      }
      const user = form.get("username") ?? "";
      if (!Object.hasOwn(accounts(), user) || form.get("password") !== accounts()[user]) {
        return sendJson(response, 401, { error: "invalid_grant" });
      }
      return sendJson(response, 200, { access_token: issue(user, database.applications.ibl_web) });
    }
    if (path === "/oauth2/introspect" && request.method === "POST") {
      const token = (await readForm(request)).get("token") ?? "";
      return sendJson(response, 200, inspect(token, records.lms().applications.ibl_web));
    }
    sendJson(response, 404, { error: "not_found" });
  };
}

function sameCredentials(application: OAuthCredentials, form: URLSearchParams): boolean {
  return (
    form.get("client_id") === application.clientId && form.get("client_secret") === application.clientSecret
  );
}

function issue(user: string, application: OAuthCredentials | undefined): string {
  if (application === undefined) throw new Error("The application ibl_web does not exist");
  const name = Buffer.from(user).toString("base64url");
  return `${name}.${application.clientId}.${sign(name, application)}`;
}

function sign(name: string, application: OAuthCredentials): string {
  return createHmac("sha256", application.clientSecret).update(name).digest("base64url");
}

/** `stale`: a token of another LMS, or of credentials that were renewed since. */
function inspect(token: string, application: OAuthCredentials | undefined) {
  const [name = "", clientId, signature = ""] = token.split(".");
  if (application === undefined || clientId !== application.clientId)
    return { active: false, stale: token !== "" };
  const expected = Buffer.from(sign(name, application));
  const given = Buffer.from(signature);
  const good = expected.length === given.length && timingSafeEqual(expected, given);
  return good
    ? { active: true, username: Buffer.from(name, "base64url").toString() }
    : { active: false, stale: false };
}
