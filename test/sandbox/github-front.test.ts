import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Probot, ProbotOctokit } from "probot";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type GitHubFront, startGitHubFront } from "../../sandbox/github/front.ts";
import { readAppManifest } from "../../sandbox/github/manifest.ts";
import { APP } from "../../sandbox/github/people.ts";
import { makeSecrets } from "../../sandbox/supervisor/secrets.ts";

const MANIFEST = join(import.meta.dirname, "..", "..", "app.yml");
const REPOSITORY = { owner: "acme", repo: "platform" } as const;

let github: GitHubFront;
let octokit: Awaited<ReturnType<Probot["auth"]>>;
const deliveries: { event: string; signature: string }[] = [];
const hook = createServer((request, response) => {
  const header = (name: string) => String(request.headers[name] ?? "");
  deliveries.push({ event: header("x-github-event"), signature: header("x-hub-signature-256") });
  request.resume();
  response.end();
});

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const secrets = await makeSecrets();
  github = await startGitHubFront({
    webhookUrl: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    webhookSecret: secrets.webhookSecret,
    privateKey: secrets.appPrivateKey,
    ...readAppManifest(MANIFEST),
  });
  const quick = ProbotOctokit.defaults((options: object) => ({
    ...options,
    throttle: { enabled: false },
    retry: { enabled: false },
  }));
  const probot = new Probot({
    appId: APP.id,
    privateKey: secrets.appPrivateKey,
    secret: secrets.webhookSecret,
    baseUrl: github.url,
    logLevel: "fatal",
    Octokit: quick,
  });
  octokit = await probot.auth(APP.installation);
});

afterAll(async () => {
  await github.close();
  hook.close();
});

beforeEach(() => fetch(`${github.url}/_sandbox/reset`, { method: "POST" }));

const calls = async () =>
  z
    .array(z.looseObject({ action: z.string(), status: z.number().nullable() }))
    .parse(await (await fetch(`${github.url}/_sandbox/calls`)).json());

test("the App signs in and sees its repository with the one open pull request", async () => {
  const { data } = await octokit.rest.pulls.list(REPOSITORY);
  expect(data.map((one) => [one.number, one.state, one.head.ref])).toEqual([[1, "open", "improve-greeting"]]);
  expect(data[0]?.html_url.startsWith(github.url)).toBe(true);
  const main = await octokit.rest.repos.getCommit({ ...REPOSITORY, ref: "main" });
  expect(main.data.sha).toMatch(/^[0-9a-f]{40}$/);
  expect(main.data.sha).not.toBe(data[0]?.head.sha);
});

test.each([
  ["reader", "read"],
  ["writer", "write"],
  ["acme-admin", "admin"],
  ["outsider", "none"],
])("%s has the permission %s", async (username, permission) => {
  const answer = await octokit.rest.repos.getCollaboratorPermissionLevel({ ...REPOSITORY, username });
  expect(answer.data.permission).toBe(permission);
});

test("a fault strikes the named call, then is used up; every call is listed", async () => {
  const action = "POST /repos/acme/platform/issues/1/comments";
  const list = [{ action, mode: "error-before", code: "Server Error" }];
  await fetch(`${github.url}/_sandbox/faults`, { method: "POST", body: JSON.stringify(list) });
  const comment = () => octokit.rest.issues.createComment({ ...REPOSITORY, issue_number: 1, body: "hello" });
  await expect(comment()).rejects.toMatchObject({ status: 500 });
  expect((await comment()).status).toBe(201);
  const listed = (await calls()).filter((one) => one.action === action);
  expect(listed.map((one) => one.status)).toEqual([500, 201]);
});

test("events reach the App's webhook signed", async () => {
  deliveries.length = 0;
  await octokit.rest.issues.createComment({ ...REPOSITORY, issue_number: 1, body: "/stg status" });
  await expect.poll(() => deliveries.map((one) => one.event)).toContain("issue_comment");
  expect(deliveries[0]?.signature).toMatch(/^sha256=[0-9a-f]{64}$/);
});

/** As a person, since the App may not. */
async function push(path: string, branch: string): Promise<string> {
  const answer = await fetch(`${github.url}/repos/acme/platform/contents/${path}`, {
    method: "PUT",
    headers: { authorization: "Bearer ghp-admin", "content-type": "application/json" },
    body: JSON.stringify({ message: "More", content: Buffer.from("more").toString("base64"), branch }),
  });
  return z.object({ commit: z.object({ sha: z.string() }) }).parse(await answer.json()).commit.sha;
}

test("a pull request is at its branch's head, and a commit tells where it is", async () => {
  const pull = async () => (await octokit.rest.pulls.get({ ...REPOSITORY, pull_number: 1 })).data;
  const before = (await pull()).head.sha;
  const headOf = async (commit_sha: string) =>
    (await octokit.rest.repos.listBranchesForHeadCommit({ ...REPOSITORY, commit_sha })).data.map(
      ({ name }) => name,
    );
  const pullsOf = async (commit_sha: string) =>
    (await octokit.rest.repos.listPullRequestsAssociatedWithCommit({ ...REPOSITORY, commit_sha })).data.map(
      ({ number, head }) => [number, head.repo?.full_name],
    );
  expect(await headOf(before)).toEqual(["improve-greeting"]);
  const now = await push("more.txt", "improve-greeting");
  expect((await pull()).head.sha).toBe(now);
  expect(await headOf(now)).toEqual(["improve-greeting"]);
  expect(await headOf(before)).toEqual([]);
  expect(await pullsOf(before)).toEqual([[1, "acme/platform"]]);
  const main = await octokit.rest.repos.getCommit({ ...REPOSITORY, ref: "heads/main" });
  expect(await pullsOf(main.data.sha)).toEqual([]);
  await expect(headOf("f".repeat(40))).rejects.toMatchObject({ status: 422 });
});
