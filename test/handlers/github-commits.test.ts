import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Probot } from "probot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toPlain } from "../../commands/lib/text.ts";
import { createGitHubCommits, installations } from "../../handlers/github/commits.ts";
import { loaded, silent } from "../support/bot.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

const COMMIT = { sha: SHA, commit: { message: "Fix the login\n\nLong story" } };
const pull = (more: object) => ({
  state: "open",
  merged: false,
  title: "Better login",
  head: { sha: SHA, ref: "login", repo: { full_name: "acme/web" } },
  ...more,
});
const ANSWERS: Readonly<Record<string, object>> = {
  "GET /repos/acme/web/installation": { id: 7 },
  "GET /repos/acme/web": { default_branch: "main" },
  "GET /repos/acme/web/commits/heads%2Fmain": COMMIT,
  "GET /repos/acme/web/commits/login": COMMIT,
  "GET /repos/acme/web/commits/0123456": COMMIT,
  "GET /repos/acme/web/pulls/12": pull({}),
  "GET /repos/acme/web/pulls/13": pull({ state: "closed", merged: true }),
  "GET /repos/acme/web/pulls/14": pull({ head: { sha: SHA, ref: "x", repo: { full_name: "eve/web" } } }),
  "GET /repos/acme/web/pulls/15": pull({ head: { sha: SHA, ref: "x", repo: null } }),
};

let server: Server;
let asked: string[];
let status: number | null;
beforeEach(async () => {
  asked = [];
  status = null;
  server = createServer((request, response) => {
    const path = `${request.method} ${request.url}`;
    asked.push(path);
    if (path === "POST /app/installations/7/access_tokens") {
      const token = {
        token: "ghs_x",
        expires_at: new Date(Date.now() + 3_600_000).toISOString(),
        permissions: {},
      };
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(token));
      return;
    }
    if (status === 0) return;
    const found = ANSWERS[path];
    const code = status ?? (found ? 200 : 404);
    response
      .writeHead(code, { "content-type": "application/json" })
      .end(JSON.stringify(found ?? { message: "no" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function commits(forks: "refuse" | "allow" = "refuse") {
  const probot = new Probot({
    appId: 1,
    privateKey,
    secret: "x",
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log: silent,
  });
  const { config } = loaded();
  return createGitHubCommits({
    octokitFor: installations(probot),
    config: () => ({ ...config, github: { ...config.github, forks } }),
    onFailure: () => {},
    timeoutMs: 1_000,
  });
}

const repository = "acme/web";

describe("a commit on GitHub", () => {
  it.each([
    ["nothing named", {}, { ref: "main", pr: null, title: "Fix the login" }],
    ["a branch", { ref: "login" }, { ref: "login", pr: null }],
    ["a short commit", { sha: "0123456" }, { ref: null, pr: null }],
    ["a pull request", { pr: 12 }, { ref: "login", pr: 12, title: "Better login" }],
  ])("is found by %s", async (_, wish, found) => {
    expect(await commits().resolve({ repository, ...wish })).toMatchObject({
      repository,
      sha: SHA,
      ...found,
    });
  });

  it.each([
    [{ pr: 99 }, "pull_request_not_found"],
    [{ pr: 13 }, "pull_request_closed"],
    [{ pr: 14 }, "fork_refused"],
    [{ pr: 15 }, "fork_refused"],
    [{ ref: "nope" }, "ref_not_found"],
    [{ sha: "abcdef0" }, "commit_not_found"],
  ])("%j is refused: %s", async (wish, reasonCode) => {
    const refusal = await commits().resolve({ repository, ...wish });
    expect(refusal).toMatchObject({ refused: true, reasonCode });
  });

  it("may come from a fork where that is allowed", async () => {
    expect(await commits("allow").resolve({ repository, pr: 14 })).toMatchObject({ sha: SHA });
  });

  it.each([
    [500, "github_unreachable"],
    [403, "github_refused"],
    [0, "github_unreachable"],
  ])("with GitHub answering %i is refused: %s", async (answer, reasonCode) => {
    status = answer;
    const refusal = await commits().resolve({ repository, ref: "login" });
    expect(refusal).toMatchObject({ refused: true, reasonCode });
    if ("refused" in refusal) expect(toPlain(refusal.what)).toMatch(/GitHub/);
  });

  it("of a repository without the App is refused", async () => {
    expect(await commits().resolve({ repository: "acme/none" })).toMatchObject({
      reasonCode: "github_refused",
    });
  });

  it("asks for the installation once", async () => {
    const source = commits();
    await source.resolve({ repository, ref: "login" });
    await source.resolve({ repository, ref: "login" });
    expect(asked.filter((path) => path.endsWith("/installation"))).toHaveLength(1);
  });
});
