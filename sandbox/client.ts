/** What tests and benchmarks do to a running sandbox, from outside, as a person or another program would. */
import { z } from "zod";
import { sleep } from "../src/util/clock.ts";
import { SlipwayError } from "../src/util/errors.ts";
import type { Call } from "./front/calls.ts";
import type { CommandResult } from "./slack/command.ts";
import type { TranscriptMessage } from "./slack/transcript.ts";
import type { SandboxJson } from "./supervisor/description.ts";

export type Provider = "slack" | "github" | "aws";

/** The start of a provider's `/_sandbox/` addresses. */
export function controlUrl(json: SandboxJson, provider: Provider, path: string): string {
  const base = { slack: json.slack.api, github: json.github.api, aws: json.aws.endpoint }[provider];
  return new URL(`/_sandbox/${path}`, base).href;
}

/** Types a slash command as a person of the sandbox (short name or id), through Slack and signed. */
export async function slash(
  json: SandboxJson,
  user: string,
  text: string,
  more: { readonly triggerId?: string; readonly channel?: string } = {},
): Promise<CommandResult> {
  return (await post(controlUrl(json, "slack", "command"), { user, text, ...more })) as CommandResult;
}

/**
 * What a person does in Slack beside typing a command; docs/sandbox.md lists what each takes. Throws
 * `unexpected_answer` with status 409 when the person could not do it, as with a button that is not there.
 */
export async function inSlack(
  json: SandboxJson,
  what: "action" | "view" | "home" | "say" | "disconnect",
  input: object,
): Promise<Record<string, unknown>> {
  return (await post(controlUrl(json, "slack", what), input)) as Record<string, unknown>;
}

/** A run as the API tells it; only what the helpers look at is checked. */
const runSchema = z.looseObject({ id: z.number(), state: z.string(), target: z.string().nullable() });
export type RunFacts = z.infer<typeof runSchema>;

/** Asks the bot's API with the dashboard's token. Throws on anything but 2xx. */
export async function api(json: SandboxJson, path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${json.dashboardToken}` };
  return read(await fetch(new URL(path, json.bot), { headers }), path);
}

export async function run(json: SandboxJson, id: number): Promise<RunFacts> {
  return runSchema.parse(await api(json, `/api/runs/${id}`));
}

/** Newest first. */
export async function runs(json: SandboxJson): Promise<readonly RunFacts[]> {
  return z.object({ runs: z.array(runSchema) }).parse(await api(json, "/api/runs?limit=500")).runs;
}

/**
 * Waits until the run is in one of the states. A bot that does not answer (it may be starting again) is waited
 * for too. Throws `run_wait_timeout` with the run's last facts.
 */
export async function waitForRun(
  json: SandboxJson,
  id: number,
  states: readonly string[],
  withinMs = 60_000,
): Promise<RunFacts> {
  const until = Date.now() + withinMs;
  let last: RunFacts | undefined;
  for (;;) {
    last = await run(json, id).catch(() => last);
    if (last && states.includes(last.state)) return last;
    if (Date.now() > until) {
      throw new SlipwayError(
        "run_wait_timeout",
        `Run ${id} is not ${states.join(" or ")} after ${withinMs} ms`,
        {
          fields: { last },
        },
      );
    }
    await sleep(100);
  }
}

/** Every thing that lives in the cloud now. */
export async function cloudState(json: SandboxJson): Promise<Record<string, unknown>> {
  const url = controlUrl(json, "aws", "state");
  return (await read(await fetch(url), url)) as Record<string, unknown>;
}

/** Arms faults; an empty list clears. */
export async function faults(
  json: SandboxJson,
  list: readonly object[],
  provider: Provider = "aws",
): Promise<void> {
  await post(controlUrl(json, provider, "faults"), list);
}

/** Oldest first. */
export async function calls(json: SandboxJson, provider: Provider = "aws"): Promise<readonly Call[]> {
  const url = controlUrl(json, provider, "calls");
  return (await read(await fetch(url), url)) as readonly Call[];
}

/**
 * The channel as Slack shows it: messages with their threads, and what one person alone sees.
 * @param channel Another conversation: a channel's id, or a person for the direct messages with the app.
 */
export async function messages(
  json: SandboxJson,
  channel: string = json.slack.channel,
): Promise<readonly TranscriptMessage[]> {
  const url = controlUrl(json, "slack", `messages?channel=${encodeURIComponent(channel)}`);
  return ((await read(await fetch(url), url)) as { messages: readonly TranscriptMessage[] }).messages;
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  return read(await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }), url);
}

async function read(answer: Response, what: string): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) {
    throw new SlipwayError("unexpected_answer", `${what} answered ${answer.status}: ${text.slice(0, 500)}`, {
      fields: { status: answer.status },
    });
  }
  return text === "" ? undefined : JSON.parse(text);
}
