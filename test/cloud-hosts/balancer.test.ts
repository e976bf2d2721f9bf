import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { describe, expect, test } from "vitest";
import { Balancer, createHealthChecker, matches } from "../../sandbox/cloud/balancers/index.ts";
import type { BalancerRequest, BalancerRoute, BalancerTarget, ProbeSpec } from "../../sandbox/cloud/ports.ts";
import { freePort, later } from "./machine-kit.ts";
import { get, statusOf } from "./web-kit.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let count = 0;

async function target(handler: Handler): Promise<{ target: BalancerTarget; server: Server }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  later(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  count++;
  const { port } = server.address() as { port: number };
  return {
    target: { instanceId: `i-${count.toString(16).padStart(17, "0")}`, address: "127.0.0.1", port },
    server,
  };
}

async function balancer(
  decide: (request: BalancerRequest) => BalancerRoute,
  idleTimeoutMs?: number,
): Promise<Balancer & { url: string }> {
  const opened = await Balancer.open({ name: "test", address: "127.0.0.1", port: 0, decide }, idleTimeoutMs);
  later(() => opened.close());
  return Object.assign(opened, { url: `http://127.0.0.1:${opened.port}` });
}

function forwardTo(...targets: BalancerTarget[]): BalancerRoute {
  return { kind: "forward", targetGroup: "group", targets };
}

describe("forwarding", () => {
  test("takes the targets in turn, counts them, and says who the client is", async () => {
    const one = await target((req, res) =>
      res.end(`one ${req.headers["x-forwarded-for"]} ${req.headers.host}`),
    );
    const two = await target((_req, res) => res.end("two"));
    const opened = await balancer(() => forwardTo(one.target, two.target));
    const { url } = opened;
    const bodies: string[] = [];
    for (let turn = 0; turn < 4; turn++)
      bodies.push((await get(url, { headers: { host: "stg1.test" } })).body);
    expect(bodies).toEqual(["one 127.0.0.1 stg1.test", "two", "one 127.0.0.1 stg1.test", "two"]);
    expect(opened.served()).toEqual({ [one.target.instanceId]: 2, [two.target.instanceId]: 2 });
  });

  test("streams both ways, keeps the method, the query and the status", async () => {
    const echo = await target((req, res) => {
      res.writeHead(207, { "x-method": `${req.method} ${req.url}`, "set-cookie": ["a=1", "b=2"] });
      req.pipe(res);
    });
    const { url } = await balancer(() => forwardTo(echo.target));
    const body = "x".repeat(1_000_000);
    const answer = await get(`${url}/path?q=1`, { method: "PUT", body });
    expect(answer.status).toBe(207);
    expect(answer.headers["x-method"]).toBe("PUT /path?q=1");
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(answer.body === body).toBe(true);
  });

  test("the first bytes arrive before the last ones are sent", async () => {
    let finish = () => {};
    const slow = await target((_req, res) => {
      res.write("begin ");
      finish = () => res.end("end");
    });
    const { url } = await balancer(() => forwardTo(slow.target));
    const text = await new Promise<string>((resolve, reject) => {
      request(url, { agent: false }, (response) => {
        let got = "";
        response.on("data", (chunk: Buffer) => {
          got += chunk.toString();
          if (got === "begin ") finish();
        });
        response.on("end", () => resolve(got));
      })
        .on("error", reject)
        .end();
    });
    expect(text).toBe("begin end");
  });

  test("keeps a client's connection over several requests", async () => {
    const one = await target((_req, res) => res.end("one"));
    const { url } = await balancer(() => forwardTo(one.target));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    later(() => agent.destroy());
    const ports = new Set<number | undefined>();
    for (let turn = 0; turn < 3; turn++) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(url, { agent }, (response) => response.resume().on("end", resolve));
        sent.on("socket", (socket) => socket.once("connect", () => ports.add(socket.localPort)));
        sent.on("error", reject).end();
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ports.size).toBe(1);
  });

  test("asks for every request where it goes: path and host decide", async () => {
    const one = await target((_req, res) => res.end("one"));
    const asked: BalancerRequest[] = [];
    const { url } = await balancer((req) => {
      asked.push(req);
      return req.path === "/fixed"
        ? { kind: "fixed", status: 418, contentType: "text/plain", body: "fixed" }
        : forwardTo(one.target);
    });
    expect((await get(`${url}/fixed?x=1`)).status).toBe(418);
    expect((await get(`${url}/`, { headers: { host: "h.test" } })).body).toBe("one");
    expect(asked.map(({ method, host, path, sourceAddress }) => [method, host, path, sourceAddress])).toEqual(
      [
        ["GET", new URL(url).host, "/fixed", "127.0.0.1"],
        ["GET", "h.test", "/", "127.0.0.1"],
      ],
    );
  });

  test("a WebSocket upgrade passes", async () => {
    const { target: upgraded, server } = await target((_req, res) => res.end());
    server.on("upgrade", (_req, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
      socket.pipe(socket);
    });
    const { port } = await balancer(() => forwardTo(upgraded));
    const socket = connect(port, "127.0.0.1");
    later(() => socket.destroy());
    let text = "";
    await new Promise<void>((resolve) => {
      socket.on("data", (chunk) => {
        text += chunk.toString();
        if (text.endsWith("\r\n\r\n")) socket.write("ping");
        if (text.endsWith("ping")) resolve();
      });
      socket.write("GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    });
    expect(text).toContain("101 Switching Protocols");
  });
});

describe("what goes wrong", () => {
  test("no target: 503; refused: 502; empty reply: 502; silent: 504", async () => {
    const refused = { instanceId: "i-1", address: "127.0.0.1", port: await freePort() };
    const empty = await target((req) => req.socket.destroy());
    const silent = await target(() => {});
    let route = forwardTo();
    const { url } = await balancer(() => route, 200);
    expect(await statusOf(url)).toBe(503);
    route = forwardTo(refused);
    expect(await statusOf(url)).toBe(502);
    route = forwardTo(empty.target);
    expect(await statusOf(url)).toBe(502);
    route = forwardTo(silent.target);
    expect(await statusOf(url)).toBe(504);
  });

  test("an answer that breaks off reaches the client as broken, not as complete", async () => {
    const broken = await target((_req, res) => {
      res.writeHead(200, { "content-length": "100" });
      res.write("part");
      setTimeout(() => res.socket?.destroy(), 50);
    });
    const { url } = await balancer(() => forwardTo(broken.target));
    await expect(get(url)).rejects.toThrow();
  });

  test("a request on its way finishes at its target after that has been taken out", async () => {
    let arrived: (finish: () => void) => void = () => {};
    const atTarget = new Promise<() => void>((resolve) => {
      arrived = resolve;
    });
    const old = await target((_req, res) => arrived(() => res.end("old")));
    const young = await target((_req, res) => res.end("new"));
    let route = forwardTo(old.target);
    const { url } = await balancer(() => route);
    const first = get(url);
    const finish = await atTarget;
    route = forwardTo(young.target);
    expect((await get(url)).body).toBe("new");
    finish();
    expect((await first).body).toBe("old");
  });

  test("a target's restart between two requests is not seen by the client", async () => {
    const first = createServer((_req, res) => res.end("first"));
    await new Promise<void>((resolve) => first.listen(0, "127.0.0.1", resolve));
    const { port } = first.address() as { port: number };
    const { url } = await balancer(() => forwardTo({ instanceId: "i-1", address: "127.0.0.1", port }));
    expect((await get(url)).body).toBe("first");
    first.closeAllConnections();
    await new Promise((resolve) => first.close(resolve));
    const second = createServer((_req, res) => res.end("second"));
    await new Promise<void>((resolve) => second.listen(port, "127.0.0.1", resolve));
    later(() => second.closeAllConnections());
    later(() => second.close());
    expect((await get(url)).body).toBe("second");
  });

  test("a closed balancer refuses", async () => {
    const opened = await balancer(() => forwardTo());
    await opened.close();
    expect(await statusOf(opened.url)).toBe("ECONNREFUSED");
  });
});

describe("health probes", () => {
  const probe = (spec: Partial<ProbeSpec> & { port: number }, signal = new AbortController().signal) =>
    createHealthChecker().probe(
      { protocol: "HTTP", address: "127.0.0.1", path: "/", matcher: "200-399", timeoutMs: 200, ...spec },
      signal,
    );

  test("tell apart the reasons that ELBv2 tells apart", async () => {
    const { target: web } = await target((req, res) => {
      if (req.url === "/silent") return;
      res.writeHead(Number(req.url?.slice(1)) || 200);
      res.end();
    });
    const { port } = web;
    expect(await probe({ port, path: "/302" })).toEqual({ passed: true, status: 302 });
    const mismatch = { passed: false, reason: "ResponseCodeMismatch", status: 503 };
    expect(await probe({ port, path: "/503" })).toEqual(mismatch);
    expect(await probe({ port, path: "/302", matcher: "200,204" })).toMatchObject({
      passed: false,
      status: 302,
    });
    const timeout = { passed: false, reason: "Timeout", status: undefined };
    expect(await probe({ port, path: "/silent" })).toEqual(timeout);
    const failed = { passed: false, reason: "FailedHealthChecks", status: undefined };
    const closed = await freePort();
    expect(await probe({ port: closed })).toEqual(failed);
    expect(await probe({ port: closed, protocol: "TCP" })).toEqual(failed);
    expect(await probe({ port, protocol: "TCP" })).toEqual({ passed: true, status: undefined });
    expect(await probe({ port }, AbortSignal.abort())).toEqual(failed);
    const late = new AbortController();
    setTimeout(() => late.abort(), 20);
    expect(await probe({ port, path: "/silent", timeoutMs: 5000 }, late.signal)).toEqual(failed);
  });

  test("a reply without a word is a failed check", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    later(() => server.close());
    const { port } = server.address() as { port: number };
    expect(await probe({ port })).toMatchObject({ passed: false, reason: "FailedHealthChecks" });
  });

  test.each([
    ["200", 200, true],
    ["200", 201, false],
    ["200,302", 302, true],
    ["200-399", 399, true],
    ["200-399", 400, false],
    ["nonsense", 200, false],
  ])("matcher %s and %i: %s", (matcher, status, fits) => {
    expect(matches(matcher, status)).toBe(fits);
  });
});
