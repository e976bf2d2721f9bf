import { join } from "node:path";
import { stringify } from "yaml";
import type { JsonObject } from "../../src/util/json.ts";
import { ORGANISATION, REPOSITORY } from "../github/people.ts";
import { CHANNEL, TEAM } from "../slack/people.ts";
import { IMAGE, KEY_NAME, REGION, SLOTS, type SlotPlan, SSH_PORT, SUBNETS, TARGET_PORT } from "./plan.ts";

const SAMPLE = join(import.meta.dirname, "..", "sample");
const BROWSERS = ["chrome", "firefox", "safari", "edge"];
// biome-ignore lint/suspicious/noTemplateCurlyInString: filled by the configuration's loader
const E2E_PASSWORD = "${E2E_PASSWORD}";
const PLATFORM = `${ORGANISATION}/${REPOSITORY}`;

export interface ConfigPlaces {
  readonly awsEndpoint: string;
  readonly botUrl: string;
  readonly slotUrls: Readonly<Record<string, string>>;
}

/** The bot's configuration in the sandbox: a small team's, with short times. */
export function slipwayConfig(places: ConfigPlaces): JsonObject {
  return {
    installation: "sandbox",
    slack: { channel: CHANNEL.id, team: TEAM.id },
    github: { repositories: [PLATFORM] },
    access: {
      roles: {
        viewer: { slack: ["everyone"], github: ["read"] },
        developer: { slack: ["S0DEVELOPERS"], github: ["write"] },
        maintainer: { slack: ["S0MAINTAINERS"], github: ["admin"] },
        release: { slack: ["S0RELEASE"], github: [`${ORGANISATION}/release-managers`] },
      },
      people: { U0DEVELOPER: "writer", U0MAINTAINER: "acme-admin" },
    },
    network: { ownAddressUrl: `${places.awsEndpoint}/_sandbox/checkip`, publicUrl: places.botUrl },
    slots: {
      defaults: {
        repositories: [PLATFORM],
        region: REGION,
        ami: IMAGE,
        instanceType: ["t3.large", "t3a.large"],
        subnets: SUBNETS.map((subnet) => subnet.id),
        keyName: KEY_NAME,
        rootVolume: { size: 20, type: "gp3" },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: filled by the configuration's loader
        ssh: { user: "ubuntu", port: SSH_PORT, readyWithin: "30s", privateKey: "${SLOT_SSH_KEY}" },
        ingress: { port: SSH_PORT, from: "self" },
        targetPort: TARGET_PORT,
        healthyWithin: "30s",
        deregisterWithin: "30s",
        ttl: "30m",
        maxTtl: "2h",
        tags: { team: "platform" },
      },
      ...Object.fromEntries(SLOTS.map((slot) => [slot.name, slotConfig(slot, places)])),
    },
    serviceUpdate: serviceUpdate(),
    tests: {
      runner: "local",
      directory: join(SAMPLE, "e2e"),
      browsers: BROWSERS,
      parallel: 2,
      workers: 2,
      timeout: "5m",
      env: { BASE_URL: "{url}" },
      users: Object.fromEntries(
        BROWSERS.map((browser) => [browser, { name: `user${browser}`, password: E2E_PASSWORD }]),
      ),
    },
  };
}

function slotConfig(slot: SlotPlan, places: ConfigPlaces): JsonObject {
  const [first, second] = slot.targetGroups;
  return {
    url: places.slotUrls[slot.name] ?? "",
    swap: slot.swap,
    securityGroup: slot.securityGroup,
    ...(slot.swap === "switch"
      ? { listenerRule: slot.rule, targetGroups: [first?.arn ?? "", second?.arn ?? ""] }
      : { targetGroup: first?.arn ?? "" }),
  };
}

/** What the sample platform on the instance needs before it serves: sandbox/sample has its programs. */
function serviceUpdate(): JsonObject {
  return {
    steps: [
      {
        name: "Save configuration",
        run: 'platform config save --ref "$SLIPWAY_SHA"',
        timeout: "30s",
        retries: 1,
      },
      {
        parallel: [
          { name: "Start LMS", run: "platform lms start", timeout: "30s" },
          { name: "Start services", run: "docker compose up -d", timeout: "60s" },
        ],
      },
      { name: "LMS answers", waitFor: "http://localhost:8600/heartbeat", every: "500ms", attempts: 60 },
      { name: "DM answers", waitFor: "http://localhost:8400/", every: "500ms", attempts: 60 },
      {
        name: "Migrate",
        run: "docker compose exec -T web ./manage.py migrate --noinput",
        timeout: "60s",
      },
      {
        name: "Mentor SPA answers",
        waitFor: "http://localhost:3000/",
        every: "500ms",
        attempts: 20,
        onFailure: { run: "docker compose restart mentor" },
      },
      {
        name: "All services are well",
        waitFor: `http://localhost:${TARGET_PORT}/health`,
        every: "500ms",
        attempts: 60,
      },
    ],
  };
}

/** As a file, with a word on what it is. */
export function configText(config: JsonObject): string {
  const head =
    "# Made by the sandbox at its start; changes here are lost with the next one.\n" +
    "# contract/slipway.yml and examples/ show every section.\n";
  return head + stringify(config, { lineWidth: 110 });
}
