import { request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { terminalToken } from "../../src/cli/stg.ts";
import { MASTER_SECRET, TestSurface } from "../support/surface.ts";

const TOKEN = "a dashboard token".replaceAll(" ", "-");

let surface: TestSurface;
afterEach(async () => {
  await surface.close();
});

/** fetch refuses to set Host: this asks exactly what it is told. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(surface.url);
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ hostname, port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asking.on("error", reject).end();
  });
}

const GUARDED = [
  "/",
  "/runs/1",
  "/api/slots",
  "/api/runs",
  "/api/runs/1",
  "/api/runs/1/log",
  "/api/environments",
];

describe("with a dashboard token", () => {
  it.each(GUARDED)("%s answers only whoever shows it", async (path) => {
    surface = await TestSurface.open({ dashboardToken: TOKEN });
    const run = await surface.bot.say("launch stg1");
    if (!run.refused && run.run) await surface.bot.parts.ended(run.run.id);
    const status = async (headers: Record<string, string>) => (await ask(path, headers)).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: "Bearer wrong" })).toBe(401);
    expect(await status({ authorization: `Basic ${TOKEN}` })).toBe(401);
    expect(await status({ authorization: `Bearer ${TOKEN} ` })).toBe(200);
    expect(
      await status({ authorization: `Bearer ${TOKEN}`, "x-forwarded-for": "203.0.113.9", host: "x.org" }),
    ).toBe(200);
    expect(await status({ cookie: "slipway_session=1.2" })).toBe(401);
  });

  it("signs a person in with a strict cookie that ends", async () => {
    surface = await TestSurface.open({ dashboardToken: TOKEN });
    const signIn = (token: string) =>
      fetch(`${surface.url}/sign-in`, {
        method: "POST",
        body: new URLSearchParams({ token }),
        redirect: "manual",
        headers: { "x-forwarded-proto": "https" },
      });
    expect((await signIn("wrong")).status).toBe(401);
    expect((await signIn("wrong")).headers.get("set-cookie")).toBeNull();
    const signed = await signIn(TOKEN);
    expect(signed.status).toBe(303);
    const cookie = signed.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict; Path=\/; Max-Age=\d+; Secure/);
    expect(cookie).not.toContain(TOKEN);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    expect((await ask("/api/slots", headers)).status).toBe(200);
    expect((await ask("/", headers)).body).toContain("<h1>Slots</h1>");
    surface.bot.clock.ahead = 13 * 3_600_000;
    expect((await ask("/api/slots", headers)).status).toBe(401);
    const forged = { cookie: headers.cookie.replace(/=(\d+)\./, (_, at) => `=${Number(at) + 99_999}.`) };
    expect((await ask("/api/slots", forged)).status).toBe(401);
  });
});

describe("without a dashboard token", () => {
  const port = () => new URL(surface.url).port;

  it.each([
    ["a direct request", () => ({}), 200],
    ["localhost", () => ({ host: `localhost:${port()}` }), 200],
    ["IPv6's loopback", () => ({ host: "[::1]" }), 200],
    ["another Host", () => ({ host: "slipway.example.org" }), 401],
    ["a Host that begins like loopback", () => ({ host: "127.0.0.1.example.org" }), 401],
    ["X-Forwarded-For", () => ({ "x-forwarded-for": "127.0.0.1" }), 401],
    ["X-Forwarded-Proto", () => ({ "x-forwarded-proto": "https" }), 401],
    ["Forwarded", () => ({ forwarded: "for=127.0.0.1" }), 401],
    ["Via", () => ({ via: "1.1 proxy" }), 401],
    ["X-Real-IP", () => ({ "x-real-ip": "127.0.0.1" }), 401],
    ["any bearer", () => ({ "x-forwarded-for": "1.2.3.4", authorization: "Bearer undefined" }), 401],
    ["an empty bearer", () => ({ "x-forwarded-for": "1.2.3.4", authorization: "Bearer " }), 401],
  ] as const)("%s gets what it should", async (_, headers, status) => {
    surface = await TestSurface.open();
    expect((await ask("/api/runs", headers())).status).toBe(status);
    expect((await ask("/", headers())).status).toBe(status);
  });

  it("nobody signs in", async () => {
    surface = await TestSurface.open();
    const response = await fetch(`${surface.url}/sign-in`, {
      method: "POST",
      body: new URLSearchParams({ token: "" }),
    });
    expect(response.status).toBe(401);
  });
});

describe("paths", () => {
  it("that are unknown, or asked wrongly, are refused", async () => {
    surface = await TestSurface.open({ dashboardToken: TOKEN });
    const cases: [string, string, number][] = [
      ["GET", "/nothing", 404],
      ["GET", "/api", 404],
      ["POST", "/api/slots", 405],
      ["DELETE", "/api/runs/1", 405],
      ["GET", "/slack/events", 405],
      ["GET", "/api/github/webhooks", 405],
      ["POST", "/api/github/webhooks", 503],
      ["GET", "//slack/events", 400],
      ["GET", "/api/../healthz", 200],
      ["HEAD", "/healthz", 200],
      ["GET", "/api/terminal", 405],
      ["POST", "/api/terminal", 401],
    ];
    for (const [method, path, status] of cases) {
      expect([method, path, (await ask(path, {}, method)).status]).toEqual([method, path, status]);
    }
  });

  it("tell health, readiness and numbers to anyone", async () => {
    let reasons: string[] = ["recovery is under way"];
    surface = await TestSurface.open({ dashboardToken: TOKEN, ready: () => reasons });
    expect((await ask("/healthz")).status).toBe(200);
    expect(await ask("/readyz")).toMatchObject({ status: 503 });
    reasons = [];
    expect(JSON.parse((await ask("/readyz")).body)).toEqual({ ready: true, reasons: [] });
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg1");
    await surface.bot.say("launch stg1");
    const { body } = await ask("/metrics");
    expect(body).toContain('slipway_runs_open{state="running"} 1');
    expect(body).toContain('slipway_runs_open{state="queued"} 1');
    expect(body).toContain("process_cpu_seconds_total");
    expect(body).toMatch(/slipway_http_request_seconds_count\{route="health",status="200"\} 1/);
  });
});

describe("/api", () => {
  it("shows runs and slots in their forms", async () => {
    surface = await TestSurface.open();
    await surface.bot.keepSomethingOn("stg1");
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg2");
    await surface.bot.say("launch stg2", { person: { id: "slack:U0DEV2", name: "Dora" } });
    const run = JSON.parse((await ask("/api/runs/1")).body);
    expect(run).toEqual({
      id: 1,
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      kind: "launch",
      target: "stg1",
      state: "succeeded",
      reason: null,
      requestedBy: "slack:U0DEV",
      via: "slack",
      pr: null,
      sha: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      startedAt: expect.any(String),
      endedAt: expect.any(String),
      steps: expect.arrayContaining([
        {
          path: expect.any(String),
          name: "Work",
          state: "succeeded",
          attempt: 1,
          startedAt: expect.any(String),
          endedAt: expect.any(String),
          error: null,
        },
      ]),
      obligations: expect.arrayContaining([
        { kind: "instance", id: expect.any(String), state: "created", due: expect.stringMatching(/Z$/) },
      ]),
      tests: { passed: 3, failed: 0, flaky: 0, skipped: 0, notRun: 0 },
    });
    const { runs } = JSON.parse((await ask("/api/runs?limit=2")).body);
    expect(runs.map(({ id }: { id: number }) => id)).toEqual([3, 2]);
    const { slots } = JSON.parse((await ask("/api/slots")).body);
    expect(slots).toEqual([
      {
        name: "stg1",
        state: "held",
        holder: "slack:U0DEV",
        reason: null,
        since: expect.any(String),
        until: expect.any(String),
        run: null,
        instanceId: "i-0123456789abcdef0",
        sha: null,
        ami: "ami-12345678",
        queue: [],
      },
      {
        name: "stg2",
        state: "busy",
        holder: "slack:U0DEV",
        reason: null,
        since: expect.any(String),
        until: null,
        run: 2,
        instanceId: null,
        sha: null,
        ami: null,
        queue: [{ run: 3, requestedBy: "slack:U0DEV2", position: 1, estimatedStart: expect.any(String) }],
      },
    ]);
    expect(JSON.parse((await ask("/api/environments")).body)).toEqual({ environments: [] });
  });

  it("gives what there is to who asks for more runs than it ever tells at once", async () => {
    surface = await TestSurface.open();
    expect((await ask("/api/runs?limit=100000")).status).toBe(200);
  });

  it.each([
    ["/api/runs/99", 404],
    ["/api/runs/0", 404],
    ["/api/runs/abc", 404],
    ["/api/runs/1%27", 404],
    ["/api/runs/99/log", 404],
    ["/api/runs?limit=0", 400],
    ["/api/runs?limit=many", 400],
  ])("%s is %i", async (path, status) => {
    surface = await TestSurface.open();
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: expect.any(String) } });
  });

  it("streams a log to its end, and goes on after Last-Event-ID", async () => {
    surface = await TestSurface.open();
    surface.bot.pipelines.hold = true;
    surface.bot.pipelines.flood = true;
    await surface.bot.say("launch stg1");
    const stream = fetch(`${surface.url}/api/runs/1/log`).then((response) => response.text());
    while ((await surface.bot.parts.engine.log(1, { limit: 10 })).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    surface.bot.pipelines.letGo();
    const whole = await stream;
    const ids = [...whole.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids.length).toBeGreaterThanOrEqual(2);
    expect(whole).toContain('"line":"launch says hello"');
    expect(whole).toMatch(/"line":"… 4\.0 GB of output left out.*"line":"line 40"/s);
    expect(whole.trimEnd()).toMatch(/event: end\ndata: \{"state":"succeeded"\}$/);
    const headers = { "last-event-id": String(ids[0]) };
    const rest = await (await fetch(`${surface.url}/api/runs/1/log`, { headers })).text();
    expect(rest).not.toContain("says hello");
    expect(rest).toContain("goodbye");
  });

  it("escapes what people wrote on the board", async () => {
    surface = await TestSurface.open();
    await surface.bot.say('lock stg1 --reason "<script>alert(1)</script>"');
    const { body } = await ask("/");
    expect(body).toContain("&lt;script&gt;");
    expect(body).not.toContain("<script>");
  });
});

describe("/api/terminal", () => {
  const post = (body: string, token = terminalToken(MASTER_SECRET)) =>
    fetch(`${surface.url}/api/terminal`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    });

  it("is for whoever knows the master secret; the dashboard's token does not do", async () => {
    surface = await TestSurface.open({ dashboardToken: TOKEN });
    const body = JSON.stringify({ words: ["clean", "stg1"], user: "ops" });
    expect((await post(body, TOKEN)).status).toBe(401);
    expect((await post(body, terminalToken("another secret"))).status).toBe(401);
    const answered = await post(body);
    expect(answered.status).toBe(200);
    expect(await answered.json()).toEqual({
      refused: true,
      reasonCode: "not_dirty",
      text: expect.stringContaining("stg1 is not dirty"),
      run: null,
    });
    const { body: slots } = await ask("/api/slots", {
      authorization: `Bearer ${terminalToken(MASTER_SECRET)}`,
    });
    expect(slots).toContain("stg1");
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"words":"x","user":"a"}',
    '{"words":["status"]}',
    '{"words":[],"user":"a b"}',
  ])("refuses the body %s", async (body) => {
    surface = await TestSurface.open();
    expect((await post(body)).status).toBe(400);
  });

  it("refuses what is too large", async () => {
    surface = await TestSurface.open();
    const body = JSON.stringify({ words: ["x".repeat(70_000)], user: "ops" });
    expect((await post(body)).status).toBe(413);
  });

  it("starts nothing twice for the same key", async () => {
    surface = await TestSurface.open();
    surface.bot.pipelines.hold = true;
    const body = JSON.stringify({ words: ["launch", "stg1"], user: "ops", key: "k1" });
    const first = (await (await post(body)).json()) as { run: number };
    const again = (await (await post(body)).json()) as { run: number };
    expect([first.run, again.run, await surface.bot.runCount()]).toEqual([1, 1, 1]);
  });
});
