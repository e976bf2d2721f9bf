import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { OwnAddress, readAddress } from "../../src/cloud/address.ts";
import { ManualTimers } from "./manual-timers.ts";

let server: Server;
let url: string;
let asked = 0;
let answer: { status?: number; body: string; location?: string };

beforeAll(async () => {
  server = createServer((_, response) => {
    asked += 1;
    const { status = 200, body, location } = answer;
    response.writeHead(status, { "content-type": "text/plain", ...(location ? { location } : {}) });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  url = `http://127.0.0.1:${address.port}/`;
});
beforeEach(() => {
  asked = 0;
  answer = { body: "203.0.113.7\n" };
});
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

describe("the bot's own address", () => {
  it("is asked for once in thirty seconds, and once by all who ask together", async () => {
    const timers = new ManualTimers();
    const own = new OwnAddress({ url, timers });
    expect(await Promise.all([own.cidr(), own.cidr()])).toEqual(["203.0.113.7/32", "203.0.113.7/32"]);
    timers.set(29_000);
    expect(await own.cidr()).toBe("203.0.113.7/32");
    expect(asked).toBe(1);
    answer = { body: "203.0.113.8" };
    timers.set(2_000);
    expect(await own.cidr()).toBe("203.0.113.8/32");
    expect(asked).toBe(2);
  });

  it("is not remembered from a failure", async () => {
    const own = new OwnAddress({ url });
    answer = { status: 500, body: "oops" };
    await expect(own.cidr()).rejects.toMatchObject({ code: "own_address_unreachable" });
    answer = { body: "203.0.113.7" };
    expect(await own.cidr()).toBe("203.0.113.7/32");
  });

  it.each([
    ["a page", "<html>log in</html>"],
    ["two addresses", "203.0.113.7 203.0.113.8"],
    ["an address with a network", "203.0.113.0/24"],
    ["every address", "0.0.0.0"],
    ["octal numbers", "0203.00.0113.07"],
    ["nothing", ""],
    ["a page that begins with an address", `203.0.113.7${" ".repeat(300)}<html>`],
  ])("is not read from %s", async (_, body) => {
    answer = { body };
    await expect(new OwnAddress({ url }).cidr()).rejects.toMatchObject({ code: "own_address_unreadable" });
  });

  it("refuses IPv6 with words, redirects, and a server that is not there", async () => {
    answer = { body: "2001:db8::7\n" };
    await expect(new OwnAddress({ url }).cidr()).rejects.toMatchObject({
      code: "own_address_ipv6",
      remedy: expect.stringContaining("ingress.from"),
    });
    answer = { status: 302, body: "", location: "http://127.0.0.1:1/" };
    await expect(new OwnAddress({ url }).cidr()).rejects.toMatchObject({ code: "own_address_unreachable" });
    await expect(new OwnAddress({ url: "http://127.0.0.1:1/" }).cidr()).rejects.toMatchObject({
      code: "own_address_unreachable",
    });
  });

  it("keeps white space out", () => {
    expect(readAddress("\r\n 198.51.100.4 \n", "x")).toBe("198.51.100.4");
  });
});
