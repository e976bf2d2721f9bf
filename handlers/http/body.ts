import type { IncomingMessage } from "node:http";
import { SlipwayError } from "../../src/util/errors.ts";

/** How long a body may take to arrive, in ms. */
const BODY_TIMEOUT_MS = 10_000;

/**
 * Reads a request's whole body.
 *
 * @throws SlipwayError `body_too_large`, `body_too_slow` or `body_incomplete`
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (code: string, message: string) => {
      finish();
      request.resume();
      reject(new SlipwayError(code, message));
    };
    const timer = setTimeout(
      () => fail("body_too_slow", "The body did not arrive in time."),
      BODY_TIMEOUT_MS,
    );
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) fail("body_too_large", `The body is larger than ${limit} bytes.`);
      else chunks.push(chunk);
    };
    const onEnd = () => {
      finish();
      resolve(Buffer.concat(chunks));
    };
    const onClose = () => fail("body_incomplete", "The connection closed before the body's end.");
    function finish(): void {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
    }
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}
