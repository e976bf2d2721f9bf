import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkGitHub } from "../../handlers/github/check.ts";
import { type GitHubFront, startGitHubFront } from "../../sandbox/github/front.ts";
import { readAppManifest } from "../../sandbox/github/manifest.ts";
import { APP } from "../../sandbox/github/people.ts";
import { makeSecrets } from "../../sandbox/supervisor/secrets.ts";

let github: GitHubFront;
let privateKey: string;

beforeAll(async () => {
  const secrets = await makeSecrets();
  privateKey = secrets.appPrivateKey;
  github = await startGitHubFront({
    webhookUrl: "http://127.0.0.1:9/",
    webhookSecret: secrets.webhookSecret,
    privateKey,
    ...readAppManifest(join(import.meta.dirname, "..", "..", "app.yml")),
  });
}, 60_000);
afterAll(() => github.close());

const ask = (key: string, repositories: readonly string[]) => {
  const settings = { appId: APP.id, privateKey: key, webhookSecret: "secret", apiUrl: github.url };
  return checkGitHub(settings, repositories);
};

test("names the App and the repositories where it is installed", async () => {
  expect(await ask(privateKey, ["acme/platform"])).toBe("slipway, acme/platform");
});

test("says which repository it is not installed on", async () => {
  await expect(ask(privateKey, ["acme/platform", "acme/elsewhere"])).rejects.toMatchObject({
    code: "github_not_installed",
    message: expect.stringContaining("acme/elsewhere"),
  });
});

test("says that the key is of another App", async () => {
  const { privateKey: other } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = other.export({ type: "pkcs1", format: "pem" }).toString();
  await expect(ask(pem, [])).rejects.toMatchObject({ code: "github_refused" });
});
