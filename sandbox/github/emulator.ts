import { createEmulator } from "emulate";
import { z } from "zod";
import { APP, GITHUB_PEOPLE, ORGANISATION, PULL_REQUEST_BRANCH, REPOSITORY } from "./people.ts";

export interface GitHubSettings {
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  /** RSA key of the App, PEM. */
  readonly privateKey: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly events: readonly string[];
}

export interface EmulatedGitHub {
  readonly url: string;
  /** The address that it writes into links; the front puts its own there. */
  readonly advertisedUrl: string;
  readonly pullRequest: number;
  close(): Promise<void>;
}

/** `emulate`'s GitHub with one organisation, one repository, the App, and an open pull request. */
export async function startEmulatedGitHub(settings: GitHubSettings): Promise<EmulatedGitHub> {
  const emulator = await createEmulator({
    service: "github",
    port: 0,
    seed: {
      tokens: Object.fromEntries(
        GITHUB_PEOPLE.map((person) => [
          `ghp-${person.name}`,
          { login: person.login, scopes: ["repo", "user"] },
        ]),
      ),
      github: {
        users: GITHUB_PEOPLE.map((person) => ({ login: person.login, name: person.login })),
        orgs: [
          {
            login: ORGANISATION,
            name: "Acme",
            members: GITHUB_PEOPLE.filter((person) => person.permission !== "none").map((person) => ({
              login: person.login,
              role: person.permission === "admin" ? "admin" : "member",
            })),
          },
        ],
        repos: [
          { owner: ORGANISATION, name: REPOSITORY, description: "The sample application", auto_init: true },
        ],
        apps: [
          {
            app_id: APP.id,
            slug: APP.slug,
            name: "Slipway",
            private_key: settings.privateKey,
            permissions: settings.permissions,
            events: settings.events,
            webhook_url: settings.webhookUrl,
            webhook_secret: settings.webhookSecret,
            installations: [
              { installation_id: APP.installation, account: ORGANISATION, repository_selection: "all" },
            ],
          },
        ],
      },
    },
  });
  const url = emulator.url.replace("localhost", "127.0.0.1");
  const pullRequest = await openPullRequest(url);
  return { url, advertisedUrl: emulator.url, pullRequest, close: () => emulator.close() };
}

/** The writer's branch with one changed file, and its pull request. */
async function openPullRequest(url: string): Promise<number> {
  const repository = `${url}/repos/${ORGANISATION}/${REPOSITORY}`;
  const main = z
    .object({ object: z.object({ sha: z.string() }) })
    .parse(await call("GET", `${repository}/git/ref/heads/main`));
  await call("POST", `${repository}/git/refs`, {
    ref: `refs/heads/${PULL_REQUEST_BRANCH}`,
    sha: main.object.sha,
  });
  await call("PUT", `${repository}/contents/greeting.txt`, {
    message: "Greet people by their name",
    content: Buffer.from("Good morning, {name}!\n").toString("base64"),
    branch: PULL_REQUEST_BRANCH,
  });
  const made = await call("POST", `${repository}/pulls`, {
    title: "Greet people by their name",
    body: "Launch me: `/deploy stg1` on a line of a comment.",
    head: PULL_REQUEST_BRANCH,
    base: "main",
  });
  return z.object({ number: z.number() }).parse(made).number;
}

async function call(method: string, address: string, body?: object): Promise<unknown> {
  const answer = await fetch(address, {
    method,
    headers: { authorization: "Bearer ghp-admin", "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok)
    throw new Error(`Emulated GitHub: ${method} ${address}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
