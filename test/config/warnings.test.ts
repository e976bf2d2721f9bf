import { describe, expect, test } from "vitest";
import { laterSections } from "../../src/config/index.ts";
import { KEY, SLOT_LINES, variable, withRest, withSlot } from "./bad-inputs.ts";
import { config, loaded } from "./helpers.ts";

const env = { KEY, SHORT: "not-a-key" };

function warnings(text: string): string[] {
  return loaded(text, env).warnings.map(({ line, path, message, suggestion, severity }) => {
    expect(severity).toBe("warning");
    return `${line} ${path}: ${message}${suggestion === undefined ? "" : ` → ${suggestion}`}`;
  });
}

describe("what is allowed but probably not meant", () => {
  test("is nothing in a plain file", () => {
    expect(warnings(withSlot())).toEqual([]);
  });

  test.each([
    ["installation: acme\n", "1 access: no one has a role, so no command will be obeyed"],
    [
      "installation: acme\naccess: { roles: { developer: { github: [wirte] } } }\n",
      "2 access.roles.developer.github[0]: taken for the login wirte → the permission write",
    ],
    [withRest("slots: { defaults: { ttl: 1h } }\n"), "3 slots.defaults: there is no slot that these are for"],
    [
      withSlot({ ssh: `{ privateKey: "${variable("SHORT")}" }` }),
      "11 slots.stg1.ssh.privateKey: does not look like a private key (-----BEGIN … PRIVATE KEY-----)",
    ],
    [
      withSlot({ targetGroups: `[${SLOT_LINES.targetGroup}, ${SLOT_LINES.targetGroup}0]` }),
      "13 slots.stg1.targetGroups: swap: replace does not use it; swap: switch does",
    ],
    [
      withSlot({ repositories: "[acme/other]" }, "github: { repositories: [acme/app] }\n"),
      "13 slots.stg1.repositories[0]: acme/other is not in github.repositories: its comments are not obeyed",
    ],
  ])("%#", (text, expected) => {
    expect(warnings(text)).toEqual([expected]);
  });
});

describe("sections of later versions", () => {
  test("are none where none are used", () => {
    expect(laterSections(config(withSlot({}, "tests: {}\n"), env))).toEqual([]);
  });

  test("are each named", () => {
    const rest =
      "tests: { runner: oci, image: { repository: r }, results: 's3://bucket/{slot}' }\n" +
      "github: { repositories: [a/b] }\n" +
      "environments: { infra: { kind: workflow, repository: a/b, branch: main, workflow: deploy.yml } }\n";
    const later = laterSections(config(withSlot({ bake: "{ keep: 2 }" }, rest), env));
    expect(later.map(({ path }) => path)).toEqual([
      "environments.infra",
      "github",
      "slots.*.bake",
      "tests.runner",
      "tests.image",
      "tests.results",
    ]);
  });
});
