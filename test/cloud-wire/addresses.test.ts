import { afterEach, expect, it } from "vitest";
import { AddressPool } from "../../sandbox/cloud/state/addresses.ts";

const pools: AddressPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function pool(block?: number): AddressPool {
  const made = new AddressPool(block);
  pools.push(made);
  return made;
}

it("two clouds on one machine never share an address", async () => {
  const [one, two] = [pool(), pool()];
  await Promise.all([one.reserve(300), two.reserve(300)]);
  const taken = [one, two].flatMap((each) => Array.from({ length: 300 }, () => each.take()));
  expect(new Set(taken).size).toBe(600);
  for (const address of taken) expect(address).toMatch(/^127\.0\.\d{1,3}\.\d{1,3}$/);
});

it("a freed address is given out again last", async () => {
  const one = pool();
  await one.reserve(3);
  const [first, second] = [one.take(), one.take()];
  one.free(first);
  expect(one.take()).not.toBe(first);
  expect(second).not.toBe(first);
});

it("a block that another cloud holds cannot be had, until that one ends", async () => {
  const holder = pool(251);
  await holder.reserve(1);
  const late = pool(251);
  await expect(late.reserve(1)).rejects.toThrow("No block");
  await holder.close();
  await late.reserve(1);
  expect(late.take()).toBe("127.0.251.1");
});

it("a fixed block has an end", async () => {
  const one = pool(252);
  await one.reserve(250);
  for (let count = 0; count < 250; count++) one.take();
  await expect(one.reserve(1)).rejects.toThrow("All addresses");
});
