import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plainRequest } from "../../sandbox/cloud/instances/plain-request.ts";
import { sampleApplication } from "../../sandbox/sample/index.ts";
import { boot, freePort, later, login, machineSpec, run, until } from "./machine-kit.ts";

describe("sudo on a machine", () => {
  test("changes files under the machine's own root, and none of the host's", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const at = (path: string) => join(spec.folder, path);
    const outside = `/tmp/slipway-sudo-${process.pid}`;
    expect((await run(client, `sudo mkdir -p ${outside}/x && sudo touch ${outside}/y`)).status).toBe(0);
    await expect(stat(outside)).rejects.toThrow(/ENOENT/);
    expect((await stat(at(`${outside}/y`))).isFile()).toBe(true);
    await run(client, "echo text | sudo tee /etc/note >/dev/null");
    expect(await readFile(at("etc/note"), "utf8")).toBe("text\n");
    expect(
      (await run(client, "sudo cat /etc/note; sudo -n -u root id -un; sudo VALUE=7 sh -c 'echo $VALUE'"))
        .stdout,
    ).toMatch(/^text\n\w+\n7\n$/);
    await run(client, "sudo rm -rf /etc/note");
    await expect(stat(at("etc/note"))).rejects.toThrow(/ENOENT/);
  });

  test("passes the status and the words of what it runs on", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const ran = await run(client, `sudo sh -c 'echo "$1|$2"; exit 9' sh "two words" '*'`);
    expect(ran).toMatchObject({ status: 9, stdout: "two words|*\n" });
  });
});

describe("programs that the machine's services answer", () => {
  test("many at once each get their own answer", async () => {
    const { spec } = await boot({}, {}, sampleApplication);
    const { client } = await login(spec);
    const command = "for n in $(seq 20); do (platform config get nothing-$n 2>&1) & done; wait";
    const lines = (await run(client, command)).stdout.trim().split("\n").sort();
    expect(new Set(lines).size).toBe(20);
    expect(lines.every((line) => /^There is no value for nothing-\d+\.$/.test(line))).toBe(true);
  });

  test("a caller that is killed ends its call; what it ran in the foreground ends too", async () => {
    const { spec, machine } = await boot({}, {}, sampleApplication);
    const { client } = await login(spec);
    const ran = run(client, "timeout -s KILL 1 docker compose up skills");
    await until(
      () => machine.ports(),
      (ports) => ports.includes(3002),
    );
    await ran;
    await until(
      () => machine.ports(),
      (ports) => !ports.includes(3002),
    );
    expect(await machine.jobs()).toEqual([]);
  });

  test("words come through as they are", async () => {
    const { spec } = await boot({}, {}, sampleApplication);
    const { client } = await login(spec);
    await run(client, `platform config set key "two words; \\$(touch /tmp/never) 'q'"`);
    expect((await run(client, "platform config get key")).stdout).toBe(
      "two words; $(touch /tmp/never) 'q'\n",
    );
  });

  test("an unknown program is the shell's own 127; systemctl never reaches the host", async () => {
    const { spec } = await boot({}, {}, sampleApplication);
    const { client } = await login(spec);
    expect((await run(client, "no-such-program")).status).toBe(127);
    expect(await run(client, "sudo systemctl restart ssh")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("systemd"),
    });
  });
});

describe("curl on a host that has none", () => {
  async function ask(...words: string[]) {
    const out = { text: "", errors: "" };
    const status = await plainRequest(
      words,
      {
        words: ["curl", ...words],
        directory: "/",
        stdout: (text) => {
          out.text += text;
        },
        stderr: (text) => {
          out.errors += text;
        },
        signal: new AbortController().signal,
      },
      "127.0.0.1",
    );
    return { status, ...out };
  }

  test("gives curl's own statuses", async () => {
    const server = createServer((req, res) => {
      if (req.url === "/empty") req.socket.destroy();
      else if (req.url !== "/silent") res.writeHead(Number(req.url?.slice(1)) || 200).end("body");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    later(() => server.closeAllConnections());
    later(() => server.close());
    const base = `http://localhost:${(server.address() as { port: number }).port}`;
    expect(await ask("-s", `${base}/`)).toEqual({ status: 0, text: "body", errors: "" });
    expect(await ask("-sf", `${base}/503`)).toMatchObject({ status: 22, text: "" });
    const written = await ask("-s", "-o", "/dev/null", "-w", "%{http_code}", `${base}/404`);
    expect(written).toMatchObject({ status: 0, text: "404" });
    expect((await ask(`${base}/empty`)).status).toBe(52);
    expect((await ask("-m", "0.1", `${base}/silent`)).status).toBe(28);
    expect((await ask(`http://localhost:${await freePort()}/`)).status).toBe(7);
    expect((await ask("--proxy", "x")).status).toBe(2);
  });
});

test("what an image brings on its disk is there after boot; what only ran is not", async () => {
  const image = await machineSpec();
  await mkdir(join(image.folder, "opt/data"), { recursive: true });
  await mkdir(join(image.folder, "run/cloud-init"), { recursive: true });
  await writeFile(join(image.folder, "opt/data/kept"), "kept");
  await writeFile(join(image.folder, "run/left"), "left");
  const { spec } = await boot({}, image);
  expect(await readFile(join(spec.folder, "opt/data/kept"), "utf8")).toBe("kept");
  await expect(stat(join(spec.folder, "run/left"))).rejects.toThrow(/ENOENT/);
});
