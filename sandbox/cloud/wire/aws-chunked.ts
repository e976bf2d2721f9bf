/**
 * Takes the framing off a body sent as `aws-chunked` (`hex-size[;chunk-signature=…]\r\n bytes \r\n … 0\r\n
 * trailers`), which the SDK uses for streams and for bodies with a trailing checksum. undefined when it is
 * not framed so.
 */
export function withoutChunks(body: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let position = 0;
  for (;;) {
    const end = body.indexOf("\r\n", position);
    if (end < 0) return undefined;
    const size = Number.parseInt(body.toString("latin1", position, end).split(";")[0] ?? "", 16);
    if (!Number.isInteger(size) || size < 0) return undefined;
    if (size === 0) return Buffer.concat(parts);
    const start = end + 2;
    if (start + size + 2 > body.length) return undefined;
    parts.push(body.subarray(start, start + size));
    position = start + size + 2;
  }
}
