import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SampleServer {
  readonly url: string;
  /** From now on the monthly report does not add up, or does again. */
  breakReport(broken: boolean): void;
  close(): Promise<void>;
}

/** A small application with the pages that the sample suite visits, on a free port. */
export async function startSampleServer(): Promise<SampleServer> {
  const state = { broken: false, notes: new Map<string, string>() };
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    breakReport: (broken) => {
      state.broken = broken;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface State {
  broken: boolean;
  readonly notes: Map<string, string>;
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://sample").pathname;
  const signedIn = (request.headers.cookie ?? "").includes("session=yes");
  const form = request.method === "POST" ? await formOf(request) : new URLSearchParams();
  const see = (to: string, headers = {}) => response.writeHead(303, { location: to, ...headers }).end();
  const page = (title: string, body: string) =>
    response
      .writeHead(200, { "content-type": "text/html; charset=utf-8" })
      .end(`<!doctype html><title>${title}</title><h1>${title}</h1>${body}`);

  if (path === "/health") {
    response
      .writeHead(200, { "content-type": "application/json" })
      .end('{"status":"ok","version":"abc1234"}');
  } else if (path === "/") page("Sample", '<a href="/sign-in">Sign in</a>');
  else if (path === "/report") page("Monthly report", `<p data-testid="total">${state.broken ? 41 : 42}</p>`);
  else if (path === "/sign-in" && request.method === "GET") page("Sign in", signInForm(""));
  else if (path === "/sign-in") {
    if (form.get("password") === "not-the-password") page("Sign in", signInForm("Wrong name or password"));
    else see("/notes", { "set-cookie": "session=yes; Path=/; HttpOnly" });
  } else if (!signedIn) see("/sign-in");
  else if (path === "/notes" && request.method === "GET") page("Notes", notesForm(state.notes));
  else if (path === "/notes") {
    state.notes.set(`${state.notes.size}-${Date.now()}`, form.get("note") ?? "");
    see("/notes");
  } else if (path === "/notes/delete") {
    state.notes.delete(form.get("id") ?? "");
    see("/notes");
  } else response.writeHead(404).end("not here");
}

const signInForm = (problem: string): string =>
  `${problem === "" ? "" : `<p role="alert">${problem}</p>`}
   <form method="post"><label>Name <input name="name"></label>
   <label>Password <input name="password" type="password"></label><button>Sign in</button></form>`;

const notesForm = (notes: ReadonlyMap<string, string>): string =>
  `<form method="post"><label>New note <input name="note"></label><button>Add</button></form>
   <ul>${[...notes].map(
     ([id, note]) => `<li>${note}<form method="post" action="/notes/delete">
       <input type="hidden" name="id" value="${id}"><button>Delete</button></form></li>`,
   )}</ul>`;

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}
