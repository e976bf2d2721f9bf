/** What people (and tests in their place) do in the sandbox's Slack, below `/_sandbox/`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { parseJson } from "../front/control.ts";
import { readBody, sendJson } from "../front/http.ts";
import type { Changes } from "./changes.ts";
import { commandSchema, sendCommand } from "./command.ts";
import type { Sockets } from "./delivery/sockets.ts";
import type { EmulatedSlack } from "./emulator.ts";
import { type Actions, actionSchema } from "./interact/action.ts";
import { type EventParts, homeSchema, openHome, say, saySchema } from "./interact/events.ts";
import { submissionSchema, submitView } from "./interact/submit.ts";
import { CHANNEL, personByIdOrName } from "./people.ts";

const LONGEST_WAIT_MS = 20_000;
const disconnectSchema = z.strictObject({
  reason: z.enum(["cut", "warning", "refresh_requested", "link_disabled"]).default("cut"),
  /** How many connections, the oldest first; all of them when left out. */
  most: z.number().int().positive().optional(),
});

export interface PeopleParts extends EventParts {
  readonly slack: EmulatedSlack;
  readonly actions: Actions;
  readonly changes: Changes;
  readonly sockets: Sockets;
  publicUrl(): string;
}

interface Visit {
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly parts: PeopleParts;
}
type Outcome = readonly [status: number, body: object];
type Handler = (visit: Visit) => Promise<Outcome> | Outcome;

const ROUTES: Readonly<Record<string, Handler>> = {
  "POST command": posted(commandSchema, async (input, parts) => {
    const { commands, scopes } = parts.manifest;
    if (commands.includes(input.command) && scopes.has("commands")) {
      return [200, await sendCommand(input, parts)];
    }
    const message = `${input.command} is not a valid command: slack.yml has ${commands.join(", ")}`;
    return [400, { error: "unknown_command", message }];
  }),
  "POST action": posted(actionSchema, async (input, parts) => {
    if (!parts.manifest.interactivity) return NOT_INTERACTIVE;
    return outcome(await parts.actions.press(input));
  }),
  "POST view": posted(submissionSchema, async (input, parts) => {
    if (!parts.manifest.interactivity) return NOT_INTERACTIVE;
    return outcome(await submitView(input, parts));
  }),
  "POST home": posted(homeSchema, async (input, parts) => outcome(await openHome(input, parts))),
  "POST say": posted(saySchema, async (input, parts) => [200, await say(input, parts)]),
  "POST disconnect": posted(disconnectSchema, ({ reason, most }, { sockets }) => [
    200,
    { connections: sockets.disconnect(reason, most ?? Number.POSITIVE_INFINITY) },
  ]),
  "GET connections": ({ parts }) => [200, parts.sockets.counts()],
  "GET messages": async ({ query, parts }) => {
    const channel = await parts.conversations.resolve(query.get("channel") ?? CHANNEL.id);
    const messages = await parts.transcript.read(channel);
    return [200, withOwnAddress({ channel, messages }, parts)];
  },
  "GET home": ({ query, parts }) => [200, { view: parts.views.home(userOf(query)) ?? null }],
  "GET views": ({ query, parts }) => [200, { views: parts.views.openOf(userOf(query)) }],
  "GET changes": async ({ query, parts }) => {
    const wait = Math.min(Number(query.get("wait") ?? 0) || 0, LONGEST_WAIT_MS);
    return [200, { version: await parts.changes.after(Number(query.get("since") ?? 0), wait) }];
  },
};

const NOT_INTERACTIVE: Outcome = [
  400,
  { error: "not_interactive", message: "slack.yml does not enable interactivity" },
];

/** False when the path is none of these. */
export async function peopleRoutes(
  request: IncomingMessage,
  response: ServerResponse,
  asked: URL,
  parts: PeopleParts,
): Promise<boolean> {
  const name = asked.pathname.replace(/^\/_sandbox\//, "");
  const handler = asked.pathname === name ? undefined : ROUTES[`${request.method} ${name}`];
  if (!handler) return false;
  const body = request.method === "POST" ? parseJson(await readBody(request)) : undefined;
  const [status, answer] = await handler({ query: asked.searchParams, body, parts });
  if (request.method === "POST") parts.changes.note();
  sendJson(response, status, answer);
  return true;
}

/** A route that takes a JSON object of this schema; anything else is refused in words. */
function posted<Schema extends z.ZodType>(
  schema: Schema,
  handle: (input: z.output<Schema>, parts: PeopleParts) => Promise<Outcome> | Outcome,
): Handler {
  return ({ body, parts }) => {
    const input = schema.safeParse(body ?? {});
    if (input.success) return handle(input.data, parts);
    return [400, { error: "invalid_request", message: z.prettifyError(input.error) }];
  };
}

/** What could not be sent, because a person could not do it, is told as such. */
function outcome(result: object): Outcome {
  return "status" in result ? [200, result] : [409, result];
}

function userOf(query: URLSearchParams): string {
  const word = query.get("user") ?? "";
  return personByIdOrName(word)?.id ?? word;
}

/** The emulator writes its own address into files' links. */
function withOwnAddress(value: object, { slack, publicUrl }: PeopleParts): object {
  return JSON.parse(JSON.stringify(value).replaceAll(slack.advertisedUrl, publicUrl())) as object;
}
