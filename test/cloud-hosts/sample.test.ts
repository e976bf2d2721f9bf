import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "ssh2";
import { describe, expect, test } from "vitest";
import type { InstanceSpec } from "../../sandbox/cloud/ports.ts";
import { sampleApplication } from "../../sandbox/sample/index.ts";
import { boot, login, run, until } from "./machine-kit.ts";
import { get, postForm, signIn, statusOf } from "./web-kit.ts";

const FAST = { lmsStartMs: 20, collectstaticMs: 50, migrateMs: 10 };

async function platform(application: Record<string, unknown> = {}) {
  const booted = await boot({ application: { ...FAST, ...application } }, {}, sampleApplication);
  const { client } = await login(booted.spec);
  const { address } = booted.spec;
  const at = (port: number, path = "/") => `http://${address}:${port}${path}`;
  return { ...booted, client, at };
}

/** Runs commands one after the other; each must succeed. */
async function all(client: Client, ...commands: string[]): Promise<void> {
  for (const command of commands) {
    const ran = await run(client, command);
    if (ran.status !== 0) throw new Error(`${command}: ${ran.status} ${ran.stderr}`);
  }
}

async function serviceUpdate(client: Client, ref: string, at: (port: number, path?: string) => string) {
  await all(client, `platform config save --ref ${ref}`, "platform lms start -d", "docker compose up -d");
  await until(
    () => statusOf(at(8600, "/heartbeat")),
    (status) => status === 200,
  );
  await until(
    () => statusOf(at(8400)),
    (status) => status === 200,
  );
}

async function collections(spec: InstanceSpec): Promise<number> {
  const log = await readFile(join(spec.folder, "var/log/dm.log"), "utf8").catch(() => "");
  return log.split("collectstatic started").length - 1;
}

describe("the service update of the contract's configuration", () => {
  test("brings a fresh machine from 503 to the commit that it was given", async () => {
    const { client, at, spec } = await platform();
    expect(await statusOf(at(8080))).toBe(503);
    expect(await statusOf(at(8080, "/health"))).toBe(503);
    expect(await statusOf(at(8600, "/heartbeat"))).toBe("ECONNREFUSED");
    await all(client, "sudo chown -R 999:999 /opt/data/postgres");
    await serviceUpdate(client, "abc123", at);
    await all(client, "docker compose exec -T web ./manage.py migrate --noinput");
    expect(await statusOf(at(3000))).toBe(200);
    const health = await get(at(8080, "/health"));
    expect(health.status).toBe(200);
    expect(JSON.parse(health.body)).toMatchObject({ status: "ok", version: "abc123" });
    expect((await run(client, "curl -sf http://localhost:8600/heartbeat")).stdout).toContain("modulestore");
    expect(await collections(spec)).toBe(1);
  });

  test("steps fail when what they need is not there", async () => {
    const { client } = await platform();
    const migrate = await run(client, "docker compose exec -T web ./manage.py migrate --noinput");
    expect(migrate).toMatchObject({ status: 1, stderr: expect.stringContaining("is not running") });
    expect((await run(client, "curl -sf http://localhost:8600/heartbeat")).status).toBe(7);
    expect((await run(client, "cd / && docker compose up -d")).stderr).toContain("no configuration file");
    expect((await run(client, "sudo chown 999 /opt/nowhere")).status).not.toBe(0);
    expect((await run(client, "docker compose up -d nonsense")).status).toBe(1);
  });

  test("a call fails when the settings name it", async () => {
    const { client, machine } = await platform({ failing: ["platform config save"] });
    const failed = await run(client, "platform config save --ref x");
    expect(failed).toMatchObject({ status: 1, stdout: "platform config save --ref x: begins\n" });
    await machine.reconfigure({ application: { failing: [] } });
    await all(client, "platform config save --ref x");
  });
});

describe("known behaviours of the real platform", () => {
  test("collectstatic runs at a start or a recreation, not at an idempotent `up -d`", async () => {
    const { client, spec, at } = await platform({ collectstaticMs: 300 });
    await all(client, "docker compose up -d web");
    expect(await statusOf(at(8400))).toBe("ECONNREFUSED");
    await all(client, "docker compose up -d", "cd services/dm && docker compose up -d");
    await until(
      () => statusOf(at(8400)),
      (status) => status === 200,
    );
    expect(await collections(spec)).toBe(1);
    await all(client, "platform config save --ref other", "docker compose up -d");
    expect(await collections(spec)).toBe(1);
    await all(client, "docker compose up -d --force-recreate web");
    expect(await statusOf(at(8400))).toBe("ECONNREFUSED");
    expect(await collections(spec)).toBe(2);
  });

  test("Mentor answers nothing after its start, until it is restarted", async () => {
    const { client, at } = await platform({ mentorEmptyMs: 60_000 });
    await serviceUpdate(client, "abc", at);
    expect(await statusOf(at(3000))).toBe("ECONNRESET");
    expect((await run(client, "curl -s http://localhost:3000/")).status).toBe(52);
    expect(await statusOf(at(8080))).toBe(502);
    await all(client, "docker compose restart mentor");
    expect(await statusOf(at(8080))).toBe(200);
  });

  test("a new commit is served after `up -d`, and DM keeps running", async () => {
    const { client, at } = await platform();
    await serviceUpdate(client, "one", at);
    await all(client, "platform config save --ref two");
    expect(JSON.parse((await get(at(8080, "/health"))).body)).toMatchObject({ version: "one" });
    await all(client, "docker compose up -d");
    expect(JSON.parse((await get(at(8080, "/health"))).body)).toMatchObject({ version: "two" });
    expect(await statusOf(at(8400))).toBe(200);
  });

  test("`ibl config save` loses the OAuth credentials; a step reads them from the LMS database", async () => {
    const { client, at } = await platform();
    await all(
      client,
      "ibl config save --ref abc",
      "ibl tutor config save",
      "ibl edx start -d",
      "docker compose up -d",
    );
    await until(
      () => statusOf(at(8080, "/health")),
      (status) => status === 200,
    );
    await all(client, "ibl launch --ibl-oauth --ibl-oidc --ibl-edx-manager", "ibl dm auth-setup");
    expect((await signIn(at(8080).replace(/\/$/, ""))).answer.status).toBe(409);
    await all(
      client,
      `row=$(ibl edx sql "select client_id, client_secret from oauth2_provider_application where name='spa-sso'")
       ibl config set auth.SPA_SSO_CLIENT_ID "\${row%%	*}" && ibl config set auth.SPA_SSO_CLIENT_SECRET "\${row##*	}"`,
    );
    const before = (await signIn(at(8080).replace(/\/$/, ""))).answer.status;
    await all(client, "cd services/auth && docker compose down && docker compose up -d");
    const after = (await signIn(at(8080).replace(/\/$/, ""))).answer.status;
    expect([before, after]).toEqual([409, 303]);
    await all(
      client,
      "ibl edx sync-with-manager --users",
      "ibl proxy reload",
      "docker exec proxy nginx -s reload",
    );
  });

  test("a session of another machine is a 409 here: split brain can be seen", async () => {
    const one = await platform();
    const two = await platform();
    for (const { client, at } of [one, two]) await serviceUpdate(client, "abc", at);
    const { cookie } = await signIn(one.at(8080).replace(/\/$/, ""));
    const notes = (where: typeof one) => get(where.at(8080, "/notes"), { headers: { cookie } });
    expect((await notes(one)).status).toBe(200);
    expect((await notes(two)).status).toBe(409);
  });
});

describe("the web application", () => {
  test("signs in, adds and deletes notes", async () => {
    const { client, at } = await platform();
    await serviceUpdate(client, "abc", at);
    const base = at(8080).replace(/\/$/, "");
    expect((await get(`${base}/notes`)).status).toBe(303);
    expect((await signIn(base, "userchrome", "wrong")).answer.status).toBe(401);
    expect((await signIn(base, "constructor", "")).answer.status).toBe(401);
    expect((await signIn(base, "demo", "demo")).answer.status).toBe(303);
    const { cookie } = await signIn(base);
    await postForm(`${base}/notes`, { text: "<b>first</b>" }, cookie);
    const page = (await get(`${base}/notes`, { headers: { cookie } })).body;
    expect(page).toContain("&lt;b&gt;first&lt;/b&gt;");
    expect(page).toContain("1 note<");
    const id = /notes\/(\d+)\/delete/.exec(page)?.[1];
    await postForm(`${base}/notes/${id}/delete`, {}, cookie);
    expect((await get(`${base}/notes`, { headers: { cookie } })).body).toContain("0 notes");
  });

  test("has its fault on demand: by setting, by file, by commit", async () => {
    const { client, at, machine, spec } = await platform();
    await serviceUpdate(client, "abc", at);
    const total = async () => /data-testid="total">(\d+)</.exec((await get(at(8080, "/report"))).body)?.[1];
    expect(await total()).toBe("42");
    await machine.reconfigure({ application: { broken: true } });
    expect(await total()).toBe("32");
    await machine.reconfigure({ application: { broken: false } });
    expect(await total()).toBe("42");
    await writeFile(join(spec.folder, "opt/platform/broken"), "");
    expect(await total()).toBe("32");
    await all(client, "sudo rm /opt/platform/broken");
    expect(await total()).toBe("42");
    await all(client, "platform config save --ref broken-commit", "docker compose up -d");
    expect(await total()).toBe("32");
  });

  test("stops with its machine", async () => {
    const { client, at, machine } = await platform();
    await serviceUpdate(client, "abc", at);
    expect(machine.ports().toSorted((a, b) => a - b)).toEqual([2222, 3000, 3001, 3002, 8080, 8400, 8600]);
    await machine.stop();
    expect(machine.ports()).toEqual([]);
    expect(await statusOf(at(8080))).toBe("ECONNREFUSED");
  });
});
