import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Probot } from "probot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toPlain } from "../../commands/lib/text.ts";
import { createGitHubCommits, installations, PlainOctokit } from "../../handlers/github/commits.ts";
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
const IN_MAIN = "1".repeat(40);
const IN_PULL = "2".repeat(40);
const IN_FORK = "3".repeat(40);

/** What GitHub says of a commit that is no branch's head. */
function inHistory(sha: string, status: string, pulls: readonly object[]): Record<string, object> {
  const repository = "GET /repos/acme/web";
  return {
    [`${repository}/commits/${sha}`]: { ...COMMIT, sha },
    [`${repository}/commits/${sha}/branches-where-head`]: [],
    [`${repository}/compare/main...${sha}?per_page=1`]: { status },
    [`${repository}/commits/${sha}/pulls`]: pulls,
  };
}

const ANSWERS: Readonly<Record<string, object>> = {
  "GET /repos/acme/web/installation": { id: 7 },
  "GET /repos/acme/web": { default_branch: "main" },
  "GET /repos/acme/web/commits/heads%2Fmain": COMMIT,
  "GET /repos/acme/web/commits/heads%2Flogin": COMMIT,
  "GET /repos/acme/web/commits/tags%2Fv1.2": COMMIT,
  // GitHub takes digits and pull requests' refs here as well.
  [`GET /repos/acme/web/commits/${SHA}`]: COMMIT,
  "GET /repos/acme/web/commits/pull%2F14%2Fhead": COMMIT,
  "GET /repos/acme/web/commits/0123456": COMMIT,
  [`GET /repos/acme/web/commits/${SHA}/branches-where-head`]: [{ name: "login" }],
  ...inHistory(IN_MAIN, "behind", []),
  ...inHistory(IN_PULL, "diverged", [{ state: "open", head: { repo: { full_name: "Acme/web" } } }]),
  ...inHistory(IN_FORK, "diverged", [
    { state: "open", head: { repo: { full_name: "eve/web" } } },
    { state: "open", head: { repo: null } },
    { state: "closed", head: { repo: { full_name: "acme/web" } } },
  ]),
  "GET /repos/acme/web/pulls/12": pull({}),
  "GET /repos/acme/web/pulls/13": pull({ state: "closed", merged: true }),
  "GET /repos/acme/web/pulls/14": pull({ head: { sha: SHA, ref: "x", repo: { full_name: "eve/web" } } }),
  "GET /repos/acme/web/pulls/15": pull({ head: { sha: SHA, ref: "x", repo: null } }),
};

let server: Server;
let asked: string[];
let status: number | null;
let headers: Record<string, string>;
let garbage: string | null;
beforeEach(async () => {
  asked = [];
  status = null;
  headers = {};
  garbage = null;
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
      .writeHead(code, { "content-type": "application/json", ...headers })
      .end(garbage ?? JSON.stringify(status === null && found ? found : { message: "no" }));
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
    Octokit: PlainOctokit,
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
    ["a tag", { ref: "v1.2" }, { ref: "v1.2", pr: null }],
    ["a whole ref", { ref: "refs/heads/login" }, { ref: "refs/heads/login", pr: null }],
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
    [{ sha: IN_FORK }, "commit_not_reachable"],
    [{ ref: SHA }, "ref_not_found"],
    [{ ref: IN_FORK }, "ref_not_found"],
    [{ ref: "pull/14/head" }, "ref_not_found"],
    [{ ref: "refs/pull/14/merge" }, "ref_not_found"],
  ])("%j is refused: %s", async (wish, reasonCode) => {
    const refusal = await commits().resolve({ repository, ...wish });
    expect(refusal).toMatchObject({ refused: true, reasonCode });
  });

  it("may come from a fork where that is allowed", async () => {
    expect(await commits("allow").resolve({ repository, pr: 14 })).toMatchObject({ sha: SHA });
    expect(await commits("allow").resolve({ repository, sha: IN_FORK })).toMatchObject({ sha: IN_FORK });
  });

  it.each([
    ["in the default branch's history", IN_MAIN],
    ["in an open pull request from the repository itself", IN_PULL],
  ])("%s may be named by its digits", async (_, sha) => {
    expect(await commits().resolve({ repository, sha })).toMatchObject({ sha });
  });

  it("that was found before is not proven again: one call", async () => {
    const source = commits();
    await source.resolve({ repository, ref: "login" });
    asked = [];
    expect(await source.resolve({ repository, sha: SHA, known: true })).toMatchObject({ sha: SHA });
    expect(asked).toEqual([`GET /repos/acme/web/commits/${SHA}`]);
  });

  it("of a pull request's ref says how pull requests are named", async () => {
    const refusal = await commits().resolve({ repository, ref: "pull/14/head" });
    if (!("refused" in refusal)) throw new Error("found");
    expect(toPlain(refusal.next ?? [])).toContain("--pr 14");
  });

  it.each([
    [429, {}, 60],
    [403, { "retry-after": "7" }, 7],
    [
      403,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 900) },
      900,
    ],
  ])("with GitHub limiting (%i %j) is refused with the time", async (answer, more, seconds) => {
    status = answer;
    headers = more as Record<string, string>;
    const began = Date.now();
    const refusal = await commits().resolve({ repository, ref: "login" });
    if (!("refused" in refusal)) throw new Error("found");
    expect(refusal.reasonCode).toBe("github_rate_limited");
    expect(toPlain(refusal.what)).toMatch(/GitHub limits .* until .*UTC/);
    const waits = ((refusal.retryAt ?? 0) - began) / 1_000;
    expect(waits).toBeGreaterThan(seconds - 60);
    expect(waits).toBeLessThan(seconds + 60);
    // The control: without those words of GitHub it is a matter of permission.
    Object.assign(headers, { "retry-after": "", "x-ratelimit-remaining": "4999" });
    status = 403;
    expect(await commits().resolve({ repository, ref: "login" })).toMatchObject({
      reasonCode: "github_refused",
    });
  });

  it.each([
    ["half an answer", '{"state": "op'],
    ["something else", '{"ok": true}'],
    ["nothing", ""],
    ["a list", "[]"],
  ])("is not taken from %s", async (_, text) => {
    const source = commits();
    // The App is signed in: what follows is about the answers alone.
    expect(await source.resolve({ repository, ref: "login" })).toMatchObject({ sha: SHA });
    garbage = text;
    for (const wish of [{ pr: 12 }, { ref: "login" }, { sha: SHA }, {}]) {
      expect(await source.resolve({ repository, ...wish })).toMatchObject({
        reasonCode: "github_unreachable",
      });
    }
    garbage = null;
    expect(await source.resolve({ repository, pr: 12 })).toMatchObject({ sha: SHA });
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
