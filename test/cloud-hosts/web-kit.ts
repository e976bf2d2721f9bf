import { request } from "node:http";

export interface WebAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** One plain request on a connection of its own. Rejects as Node does. */
export function get(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: options.method ?? "GET",
      headers: options.headers ?? {},
      agent: false,
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
      response.on("error", reject);
    });
    sent.end(options.body);
  });
}

/** The status, or the error's code when no answer came. */
export function statusOf(url: string): Promise<number | string> {
  return get(url).then(
    (answer) => answer.status,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
}

export function postForm(url: string, fields: Record<string, string>, cookie = ""): Promise<WebAnswer> {
  const body = new URLSearchParams(fields).toString();
  return get(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "content-length": String(body.length),
      cookie,
    },
  });
}

/** Signs in at the sample application; returns the answer and the session's cookie. */
export async function signIn(base: string, user = "userchrome", password = "staging-only") {
  const answer = await postForm(`${base}/sign-in`, { name: user, password });
  const [cookie = ""] = answer.headers["set-cookie"] ?? [];
  return { answer, cookie: cookie.split(";")[0] ?? "" };
}
