import { describe, expect, test } from "vitest";
import { configFromRaw, laterSections, loadConfig } from "../../src/config/index.ts";
import { contract, contractEnv, loaded, problems } from "./helpers.ts";

const MINUTE = 60_000;

describe("the complete configuration", () => {
  const { config, raw, hash, secrets, warnings } = loaded(contract, contractEnv);

  test("loads without a warning", () => {
    expect(warnings).toEqual([]);
  });

  test("merges defaults into each slot", () => {
    expect(Object.keys(config.slots)).toEqual(["stg1", "stg2", "stg3", "stg4"]);
    expect(config.slots.stg1).toMatchObject({
      region: "us-east-1",
      instanceType: ["t3.2xlarge", "t3a.2xlarge"],
      rootVolume: { size: 200, type: "gp3" },
      ssh: { user: "ubuntu", port: 22, address: "publicIp", hostKey: "inject", readyWithin: 5 * MINUTE },
      ingress: { port: 22, from: "self" },
      swap: "replace",
      ttl: 240 * MINUTE,
      maxTtl: 24 * 60 * MINUTE,
      tags: { team: "platform" },
      bake: { keep: 3, variables: [{ name: "STG1_AMI_ID" }, { name: "STG1_AMI_ID" }] },
    });
    expect(config.slots.stg1?.ssh.privateKey).toBe(contractEnv.STG1_SSH_KEY);
    expect(config.slots.stg3).toMatchObject({
      swap: "switch",
      targetGroups: [{}, {}].map(() => expect.any(String)),
    });
    expect(config.slots.stg4).toMatchObject({
      swap: "overlap",
      ssh: { user: "ubuntu", address: "privateIp" },
      ingress: { port: 22, from: "10.0.0.0/16" },
    });
  });

  test("offers turns by the usual limits when it says nothing of queues", () => {
    expect(config.queue).toEqual({ offerAfter: 30 * MINUTE, offerFor: 5 * MINUTE });
    const said = (queue: string) => loaded(`${contract}\nqueue: ${queue}\n`, contractEnv).config.queue;
    expect(said("{ offerAfter: 2h, offerFor: 90s }")).toEqual({ offerAfter: 120 * MINUTE, offerFor: 90_000 });
    expect(said("{ offerAfter: never }")).toEqual({ offerAfter: null, offerFor: 5 * MINUTE });
  });

  test("tells steps apart and fills their defaults", () => {
    const [first, , group, wait] = config.serviceUpdate.steps;
    expect(first).toMatchObject({ kind: "run", timeout: 2 * MINUTE, retries: 0, background: false });
    expect(group).toMatchObject({ kind: "parallel", parallel: [{ kind: "run" }, { background: true }] });
    expect(wait).toMatchObject({ kind: "waitFor", every: 15_000, attempts: 40, timeout: 10 * MINUTE });
    expect(config.serviceUpdate.steps.at(-1)).toMatchObject({
      onFailure: { run: "docker compose restart mentor" },
      continueOnError: true,
    });
    expect(config.serviceUpdate.env).toEqual({ GIT_TOKEN: contractEnv.GIT_TOKEN });
  });

  test("reads what later versions use completely", () => {
    expect(config.environments.production).toMatchObject({
      kind: "ecs",
      trigger: "merge",
      requires: { slot: "any", tests: "all" },
      waves: [[{ region: "ap-south-1" }], [{ region: "ap-southeast-1" }, { region: "us-east-1" }]],
      approvals: { required: 1, role: "release", fourEyes: true, expireAfter: 480 * MINUTE },
      windows: {
        timezone: "Asia/Kolkata",
        allow: [{ days: ["Mon", "Tue", "Wed", "Thu"], from: 540, until: 1020 }],
      },
      bake: 2 * MINUTE,
      verify: [
        { kind: "http", status: 200, times: 3, version: { json: "version", equals: "{short_sha}" } },
        { kind: "logs", logs: { over: 5 * MINUTE } },
        { kind: "queue", queue: { atMost: 0 } },
      ],
    });
    expect(config.environments.amy).toMatchObject({ kind: "ssh", backup: { keep: 10 }, maintenance: {} });
    expect(config.environments.infra).toMatchObject({ kind: "workflow", inputs: { version: "{tag}" } });
    const later = laterSections(config).map(({ path }) => path);
    expect(later).toContain("environments.production");
    expect(later).toContain("slots.*.bake");
  });

  test("knows every value that came from the environment, and keeps none in raw", () => {
    expect(Object.fromEntries(secrets)).toEqual(contractEnv);
    const kept = JSON.stringify(raw);
    for (const value of Object.values(contractEnv)) {
      expect(kept).not.toContain(value);
      expect(kept).not.toContain(JSON.stringify(value).slice(1, -1));
    }
    // The same search does find them in what was filled.
    expect(JSON.stringify(config)).toContain(contractEnv.GIT_TOKEN);
  });

  test("is the same again from raw, and from JSON", () => {
    const again = configFromRaw(JSON.parse(JSON.stringify(raw)), contractEnv);
    expect(again.ok && again.loaded.config).toEqual(config);
    expect(again.ok && again.loaded.hash).toBe(hash);
  });

  test("has a hash that follows the meaning, not the order or comments", () => {
    const first = /^installation: acme.*\n/m.exec(contract)?.[0] ?? "";
    const moved = `${contract.replace(first, "")}\ninstallation: acme # at the end\n`;
    expect(moved).not.toContain(first);
    expect(loaded(moved, contractEnv).hash).toBe(hash);
    expect(loaded(contract.replace("ttl: 4h", "ttl: 5h"), contractEnv).hash).not.toBe(hash);
    const others = { ...contractEnv, GIT_TOKEN: "another-token" };
    expect(loaded(contract, others).hash).toBe(hash);
  });

  test("without its variables names each of them with its line", () => {
    const lines = problems(contract, {});
    expect(lines).toHaveLength(5);
    for (const name of ["STG1_SSH_KEY", "STG2_SSH_KEY", "STG3_SSH_KEY", "STG4_SSH_KEY", "AMY_SSH_KEY"]) {
      const at = contract.split("\n").findIndex((text) => text.includes(name)) + 1;
      expect(
        lines.some((line) => line.startsWith(`${at}:`) && line.includes(`variable ${name} is not set`)),
      ).toBe(true);
    }
  });

  test("each single line that is damaged is noticed", () => {
    const lines = contract.split("\n");
    const unnoticed = lines.flatMap((line, index) => {
      const key = /^(\s*(?:- )?(?:\{ )?)([a-zA-Z]+)(?=:)/.exec(line);
      if (key === null) return [];
      const damaged = line.replace(key[0], `${key[1]}${key[2]}zzz`);
      const result = loadConfig(lines.with(index, damaged).join("\n"), contractEnv);
      return result.ok ? [line] : [];
    });
    // Names that are a person's own may be anything.
    expect(unnoticed.map((line) => line.trim().split(":")[0]).sort()).toEqual([
      "amy",
      "infra",
      "production",
      "staging",
    ]);
  });
});
