import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";
import { failed } from "./answers.ts";
import { parsedParameter, textParameter } from "./parameters.ts";
import type { Transcript } from "./transcript.ts";

/** chat.unfurl: puts what the app says about its links below the message that has them. */
export async function unfurl(
  parameters: Readonly<Record<string, unknown>>,
  transcript: Transcript,
): Promise<Answer> {
  const { channel, ts } = placeOf(parameters, transcript);
  const message = await transcript.find(channel, ts);
  if (!message) return failed("cannot_unfurl_message");
  const unfurls = parsedParameter(parameters.unfurls) as Record<string, object>;
  const isThere = Object.keys(unfurls).every((url) => message.text.includes(url));
  if (!isThere) return failed("cannot_unfurl_url");
  const attachments = Object.entries(unfurls).map(([url, one]) => ({ ...one, from_url: url }));
  return transcript.change(channel, ts, { attachments })
    ? jsonAnswer(200, { ok: true })
    : failed("cannot_unfurl_message");
}

/** The message is named by channel and ts, or by the event's unfurl_id, which holds the ts. */
function placeOf(
  parameters: Readonly<Record<string, unknown>>,
  transcript: Transcript,
): { channel: string; ts: string } {
  const [, seconds, micros] = textParameter(parameters.unfurl_id).split(".");
  if (seconds === undefined || micros === undefined) {
    return { channel: textParameter(parameters.channel), ts: textParameter(parameters.ts) };
  }
  const ts = `${seconds}.${micros}`;
  return { channel: transcript.channelOf(ts) ?? "", ts };
}
