import { createHash, createHmac } from "node:crypto";
import { KEY, REGION } from "./account.ts";

/**
 * A signed call without the SDK, so that a test can send what the SDK would refuse to send. Also a second
 * implementation of the signature, written from its description.
 */
export async function rawCall(
  endpoint: string,
  service: string,
  form: Readonly<Record<string, string>>,
  options: { secret?: string; accessKeyId?: string; region?: string; date?: Date } = {},
): Promise<{ status: number; body: string; code: string | undefined }> {
  const body = new URLSearchParams(form).toString();
  const headers = signed(endpoint, service, body, options);
  const response = await fetch(`${endpoint}/`, { method: "POST", body, headers });
  const text = await response.text();
  return { status: response.status, body: text, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1] };
}

function signed(
  endpoint: string,
  service: string,
  body: string,
  { secret = KEY.secretAccessKey, accessKeyId = KEY.accessKeyId, region = REGION, date = new Date() },
): Record<string, string> {
  const { host } = new URL(endpoint);
  const stamp = date.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const type = "application/x-www-form-urlencoded";
  const names = "content-type;host;x-amz-date";
  const canonical = `POST\n/\n\ncontent-type:${type}\nhost:${host}\nx-amz-date:${stamp}\n\n${names}\n${sha(body)}`;
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha(canonical)}`;
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of [day, region, service, "aws4_request"])
    key = createHmac("sha256", key).update(part).digest();
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { "content-type": type, "x-amz-date": stamp, authorization };
}

function sha(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
