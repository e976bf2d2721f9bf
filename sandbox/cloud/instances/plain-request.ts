import { request } from "node:http";
import type { ProgramCall } from "./application.ts";

/** curl's own exit statuses. */
const STATUS = { usage: 2, refused: 7, httpError: 22, timeout: 28, emptyReply: 52 } as const;

/**
 * A small part of curl for hosts that have none: one plain HTTP GET or HEAD of an address on the machine,
 * with `-s -S -f -I -o FILE -w FORMAT --max-time SECONDS`.
 */
export function plainRequest(words: readonly string[], call: ProgramCall, address: string): Promise<number> {
  let fail = false;
  let quiet = false;
  let method = "GET";
  let format = "";
  let discard = false;
  let timeoutMs = 0;
  let url: URL | undefined;
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "-o" || word === "--output") discard = queue.shift() === "/dev/null";
    else if (word === "-w" || word === "--write-out") format = queue.shift() ?? "";
    else if (word === "-m" || word === "--max-time" || word === "--connect-timeout") {
      timeoutMs = Number(queue.shift()) * 1000;
    } else if (word === "--fail") fail = true;
    else if (word === "--silent") quiet = true;
    else if (/^-[sSfIkL]+$/.test(word)) {
      fail ||= word.includes("f");
      quiet ||= word.includes("s");
      if (word.includes("I")) method = "HEAD";
    } else if (!word.startsWith("-") && URL.canParse(word)) url = new URL(word);
    else {
      call.stderr(`curl: ${word} is not understood here\n`);
      return Promise.resolve(STATUS.usage);
    }
  }
  if (url === undefined) return Promise.resolve(STATUS.usage);
  const host = ["localhost", "127.0.0.1"].includes(url.hostname) ? address : url.hostname;
  const port = url.port === "" ? 80 : Number(url.port);
  const complain = (status: number, text: string): number => {
    if (!quiet) call.stderr(`curl: (${status}) ${text}\n`);
    return status;
  };
  return new Promise((resolve) => {
    const path = `${url.pathname}${url.search}`;
    const sent = request({ host, port, path, method, localAddress: address, signal: call.signal });
    if (timeoutMs > 0) {
      sent.setTimeout(timeoutMs, () => {
        resolve(complain(STATUS.timeout, "Operation timed out"));
        sent.destroy();
      });
    }
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET") resolve(complain(STATUS.emptyReply, "Empty reply from server"));
      else resolve(complain(STATUS.refused, `Failed to connect to ${url.host}: ${error.message}`));
    });
    sent.on("response", (response) => {
      const code = response.statusCode ?? 0;
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => {
        const failed = fail && code >= 400;
        const shown = discard || failed ? "" : body;
        const written = format.replaceAll("%{http_code}", String(code)).replaceAll("\\n", "\n");
        if (shown + written !== "") call.stdout(shown + written);
        resolve(failed ? complain(STATUS.httpError, `The requested URL returned error: ${code}`) : 0);
      });
    });
    sent.end();
  });
}
