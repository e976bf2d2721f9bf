import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ServiceStep as ConfiguredStep } from "../../src/config/index.ts";
import { runServiceStep, type ServiceStep, StepFailed, stopJob } from "../../src/remote/index.ts";
import { stepContext } from "./support/context.ts";
import { folder } from "./support/folder.ts";
import { startServer } from "./support/server.ts";
import { freePort, processesWith, startSshd } from "./support/sshd.ts";
import { until } from "./support/wait.ts";

type Kind<K> = Extract<ServiceStep, { kind: K }>;
const run = (text: string, more: Partial<Kind<"run">> = {}): ServiceStep => ({
  kind: "run",
  name: "Step",
  run: text,
  timeout: 20_000,
  retries: 0,
  ...more,
});
const waits = (url: string, more: Partial<Kind<"waitFor">> = {}): ServiceStep => ({
  kind: "waitFor",
  name: "Answers",
  waitFor: url,
  every: 100,
  attempts: 10,
  retries: 0,
  ...more,
});
const local = (words: string[], more: Partial<Kind<"local">> = {}): ServiceStep => ({
  kind: "local",
  name: "Program",
  local: words,
  timeout: 20_000,
  retries: 0,
  ...more,
});

const failureOf = async (work: Promise<unknown>): Promise<StepFailed> => {
  const error = await work.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StepFailed);
  return error as StepFailed;
};

it("takes the configuration's own steps", () => {
  // It does not compile otherwise.
  const assignable = (step: ConfiguredStep): ServiceStep => step;
  expect(assignable).toBeTypeOf("function");
});

describe("run", () => {
  it("sees its values, and the step's own over the common ones; each job is owed before it begins", async () => {
    const context = stepContext(await startSshd());
    const step = run('echo "$SLIPWAY_SLOT $SLIPWAY_SHA $OWN"', { env: { OWN: "own", SLIPWAY_SLOT: "over" } });
    const result = await runServiceStep(step, context);
    expect(result).toMatchObject({ attempts: 1, tail: ["over 0123abc own"] });
    expect(context.lines).toEqual(["over 0123abc own"]);
    expect(context.jobs.map((job) => job.place)).toEqual(["host"]);
  });

  it("is tried again as often as it says, and fails with its last 20 lines", async () => {
    const server = await startServer();
    const context = stepContext(server);
    const step = run("echo x >> tries; for i in $(seq 30); do echo line $i; done; exit 9", { retries: 2 });
    const failure = await failureOf(runServiceStep(step, context));
    expect(failure).toMatchObject({ code: "step_failed", attempts: 3, step: "Step" });
    expect(failure.message).toContain("exit code 9");
    expect(failure.tail).toEqual(Array.from({ length: 20 }, (_, index) => `line ${index + 11}`));
    expect(readFileSync(join(server.home, "tries"), "utf8")).toBe("x\nx\nx\n");
    expect(new Set(context.jobs.map((job) => job.id)).size).toBe(3);
  });

  it("run again after a restart it joins what was done, and logs no line twice", async () => {
    const server = await startServer();
    const context = stepContext(server);
    const offsets = new Map<string, number>();
    const noting = {
      ...context,
      log: (line: string, at?: { job: string; nextOffset: number }) => {
        context.lines.push(line);
        if (at !== undefined) offsets.set(at.job, at.nextOffset);
      },
      loggedUpTo: (job: string) => offsets.get(job) ?? 0,
    };
    const step = run(
      "echo x >> tries; [ -e second ] && { echo fine; exit; }; touch second; echo broken; exit 1",
      {
        retries: 1,
      },
    );
    const first = await runServiceStep(step, noting);
    const again = await runServiceStep(step, noting);
    expect([first.attempts, again.attempts, again.tail]).toEqual([2, 2, ["fine"]]);
    expect(readFileSync(join(server.home, "tries"), "utf8")).toBe("x\nx\n");
    expect(context.lines.filter((line) => line === "broken" || line === "fine")).toEqual(["broken", "fine"]);
  });

  it("names a time-out, a missing program, a full disk and a stop", async () => {
    const server = await startServer();
    const codeOf = async (step: ServiceStep) =>
      (await failureOf(runServiceStep(step, stepContext(server)))).code;
    expect(await codeOf(run("sleep 30", { timeout: 200 }))).toBe("remote_timeout");
    expect(await codeOf(run("no-such-program --x"))).toBe("program_missing");
    expect(await codeOf(run("echo 'cp: No space left on device' >&2; exit 1"))).toBe("remote_disk_full");
    const context = stepContext(server);
    const work = runServiceStep(run("echo up; sleep 30", { retries: 5 }), context);
    work.catch(() => {});
    await until("it runs", () => context.lines.includes("up"));
    for (const job of context.jobs) await stopJob(context.host, job.id);
    expect((await failureOf(work)).code).toBe("job_stopped");
    expect(context.jobs.length).toBe(1);
  });

  it("onFailure mends it and it is tried once more; what cannot be mended has failed", async () => {
    const server = await startServer();
    const step = run("[ -e mended ] && echo fine", { onFailure: { run: "touch mended" } });
    expect(await runServiceStep(step, stepContext(server))).toMatchObject({ attempts: 2, tail: ["fine"] });
    const hopeless = run("exit 3", { onFailure: { run: "exit 4" } });
    const context = stepContext(server);
    expect((await failureOf(runServiceStep(hopeless, context))).attempts).toBe(2);
    expect(context.lines.join("\n")).toContain("onFailure: it ended with exit code 4");
  });

  it("an abort ends the waiting and leaves the job to whoever owes it", async () => {
    const controller = new AbortController();
    const context = stepContext(await startServer(), { signal: controller.signal });
    const work = runServiceStep(run("echo up; sleep 8301"), context);
    work.catch(() => {});
    await until("it runs", () => context.lines.includes("up"));
    controller.abort(new Error("cancelled"));
    await expect(work).rejects.toThrow("cancelled");
    const left = processesWith("sleep\x008301");
    for (const pid of left) process.kill(pid, "SIGKILL");
    expect(left.length).toBe(1);
  });
});

describe("waitFor", () => {
  const MACHINE = "127.0.0.9";

  async function listen<T extends Server>(server: T, port = 0): Promise<number> {
    await new Promise<void>((resolve) => server.listen(port, MACHINE, resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }
  const http = (answer: RequestListener) => createHttp(answer);
  const machine = () => startServer({ localhost: MACHINE });
  const last = (failure: StepFailed) => failure.tail.at(-1) ?? "";

  it("is asked from the host, not from here", async () => {
    const port = await listen(http((_request, response) => response.end("fine")));
    const url = `http://localhost:${port}/heartbeat`;
    expect((await runServiceStep(waits(url), stepContext(await machine()))).attempts).toBe(1);
    await expect(fetch(url)).rejects.toThrow();
  });

  it("passes with 2xx and 3xx, not with 4xx and 5xx, and says the status", async () => {
    const server = await machine();
    const port = await listen(
      http((request, response) =>
        response.writeHead(Number(request.url?.slice(1)), { location: "/x" }).end(),
      ),
    );
    for (const status of [200, 204, 301, 302]) {
      await runServiceStep(waits(`http://localhost:${port}/${status}`), stepContext(server));
    }
    for (const status of [404, 502]) {
      const step = waits(`http://localhost:${port}/${status}`, { attempts: 2 });
      expect(last(await failureOf(runServiceStep(step, stepContext(server))))).toContain(
        `answered ${status}`,
      );
    }
  });

  it("tells refused, empty reply, time-out and what is not HTTP apart", async () => {
    const server = await machine();
    const saying = async (port: number, more: Partial<Kind<"waitFor">> = {}) =>
      last(
        await failureOf(
          runServiceStep(waits(`http://localhost:${port}/`, { attempts: 2, ...more }), stepContext(server)),
        ),
      );
    expect(await saying(await freePort())).toContain("refused");
    const empty = createServer((socket) => socket.once("data", () => socket.end()));
    expect(await saying(await listen(empty))).toContain("empty reply");
    const silent = createServer((socket) => void socket.on("error", () => {}).resume());
    expect(await saying(await listen(silent), { every: 50, attempts: 1 })).toContain("no answer within 1 s");
    const other = createServer((socket) => socket.once("data", () => socket.end("hello\n")));
    expect(await saying(await listen(other))).toContain("does not speak HTTP");
  });

  it("waits for what comes up later, and is restarted once when it does not", async () => {
    const server = await machine();
    const context = stepContext(server);
    const port = await listen(
      http((_request, response) => {
        // As the application that reports "ready" and answers nothing until its container is restarted.
        if (existsSync(join(server.home, "restarted"))) response.end("fine");
        else response.socket?.destroy();
      }),
    );
    const url = `http://localhost:${port}/`;
    const failure = await failureOf(runServiceStep(waits(url, { attempts: 3 }), context));
    expect(failure.message).toContain("empty reply");
    const mended = waits(url, { attempts: 5, onFailure: { run: "sleep 0.1; touch restarted" } });
    const result = await runServiceStep(mended, stepContext(server));
    expect(result.attempts).toBeGreaterThan(1);
  });

  it("does not begin its time anew after a restart", async () => {
    const context = stepContext(await machine(), { startedAt: Date.now() - 3_600_000 });
    const failure = await failureOf(
      runServiceStep(
        waits(`http://localhost:${await freePort()}/`, { every: 10_000, attempts: 60 }),
        context,
      ),
    );
    expect(failure.attempts).toBe(1);
  });

  it("works through Debian's sshd, and names an sshd that forbids it", async () => {
    const server = http((_request, response) => response.end("fine"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
    expect((await runServiceStep(waits(url), stepContext(await startSshd()))).attempts).toBe(1);
    const refused = waits(`http://localhost:${await freePort()}/`, { attempts: 2 });
    expect(last(await failureOf(runServiceStep(refused, stepContext(await startSshd()))))).toContain(
      "refused",
    );
    const strict = stepContext(await startSshd({ config: ["AllowTcpForwarding no"] }));
    await expect(runServiceStep(waits(url), strict)).rejects.toMatchObject({
      code: "ssh_forwarding_refused",
    });
  });
});

describe("local", () => {
  const PRINT = 'for word in "$@"; do printf "<%s>\\n" "$word"; done';
  const sh = (...words: string[]) => local(["sh", "-c", PRINT, "sh", ...words]);

  it("gets each value as one argument, whatever is in it", async () => {
    const server = await startServer();
    const evil = "$(touch /tmp/x) `id` ; rm -rf ' \" \\";
    const context = stepContext(server, { fields: { ref: evil, host: "10.0.0.1" } });
    const { tail } = await runServiceStep(sh("--host", "{host}", "--ref={ref}", "{unknown}", "*"), context);
    expect(tail).toEqual(["<--host>", "<10.0.0.1>", `<--ref=${evil}>`, "<{unknown}>", "<*>"]);
    expect(context.jobs.map((job) => job.place)).toEqual(["local"]);
  });

  it("a value can become neither an option nor the program", async () => {
    const server = await startServer();
    const attempt = (words: string[], ref: string) =>
      runServiceStep(local(words), stepContext(server, { fields: { ref } }));
    await expect(attempt(["echo", "{ref}"], "--upload-pack=evil")).rejects.toMatchObject({
      code: "value_not_passable",
    });
    await expect(attempt(["{ref}"], "evil")).rejects.toMatchObject({ code: "value_not_passable" });
    expect((await attempt(["echo", "--ref={ref}"], "-x")).tail).toEqual(["--ref=-x"]);
  });

  it("sees PATH, HOME, LANG and its values, and nothing of the bot", async () => {
    process.env.SLIPWAY_TEST_BOT_TOKEN = "bot-credential";
    onTestFinished(() => {
      delete process.env.SLIPWAY_TEST_BOT_TOKEN;
    });
    const context = stepContext(await startServer(), { env: { GIVEN: "yes" } });
    const { tail } = await runServiceStep(local(["env"]), context);
    const names = tail.map((line) => line.split("=")[0]).sort();
    // PWD, OLDPWD and SHLVL are what a shell sets itself.
    const shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    expect(names.filter((name) => !shell.includes(name ?? ""))).toEqual([
      "GIVEN",
      "HOME",
      "LANG",
      "PATH",
      "SLIPWAY_JOB",
      "SLIPWAY_JOB_FILES",
    ]);
    expect(tail.join("\n")).not.toContain("bot-credential");
  });

  it("runs in the configuration's folder, or in a folder of it", async () => {
    const base = folder();
    mkdirSync(join(base, "sub"));
    writeFileSync(join(base, "sub", "prog"), "#!/bin/sh\npwd\n", { mode: 0o755 });
    const context = () => startServer().then((server) => stepContext(server, { folder: base }));
    expect((await runServiceStep(local(["pwd"]), await context())).tail).toEqual([base]);
    const inside = local(["./prog"], { directory: "sub" });
    expect((await runServiceStep(inside, await context())).tail).toEqual([join(base, "sub")]);
  });
});
