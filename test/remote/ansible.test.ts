import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type AnsibleStep, localExec, type RemoteError, runServiceStep } from "../../src/remote/index.ts";
import { stepContext } from "./support/context.ts";
import { folder } from "./support/folder.ts";
import { OTHER_HOST_KEY, USER_KEY } from "./support/keys.ts";
import { startServer } from "./support/server.ts";
import { processesWith, startSshd } from "./support/sshd.ts";
import { until } from "./support/wait.ts";

const PLAYBOOK = `
- hosts: all
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy:
        dest: "{{ file }}"
        content: "{{ ref }}|{{ literal }}|{{ count + 1 }}|{{ lookup('env', 'SLIPWAY_SHA') }}"
    - name: The bot's machine
      ansible.builtin.command: env
      delegate_to: localhost
      register: environment_here
    - name: Keep
      ansible.builtin.copy:
        dest: "{{ file }}.env"
        content: "{{ environment_here.stdout }}"
`;

function playbookFolder(): { base: string; file: string } {
  const base = folder();
  writeFileSync(join(base, "update.yml"), PLAYBOOK);
  return { base, file: join(base, "written") };
}

const step = (file: string, more: Partial<AnsibleStep["ansible"]> = {}): AnsibleStep => ({
  kind: "ansible",
  name: "Playbook",
  retries: 0,
  timeout: 60_000,
  ansible: {
    playbook: "update.yml",
    extraVars: { file, ref: "{ref}", literal: "{{ 6 * 7 }}", count: 1 },
    ...more,
  },
});

/** Files below a folder that hold a piece of the private key. */
function filesWithKey(base: string): string[] {
  const piece = USER_KEY.privateKeyOpenSsh.split("\n")[2] ?? "";
  return readdirSync(base, { recursive: true, encoding: "utf8" }).filter((name) => {
    try {
      return readFileSync(join(base, name)).includes(piece);
    } catch {
      return false;
    }
  });
}

it("runs a playbook on the pinned host; a value in a variable is text, never a template", async () => {
  const { base, file } = playbookFolder();
  const evil = `{{ lookup('pipe', 'touch ${base}/hacked') }}`;
  process.env.SLIPWAY_TEST_BOT_TOKEN = "bot-credential";
  process.env.ANSIBLE_HOST_KEY_CHECKING = "False";
  const context = stepContext(await startSshd(), {
    folder: base,
    local: localExec(join(folder(), "a folder with spaces")),
    fields: { ref: evil },
    env: { SLIPWAY_SHA: "0123abc" },
  });
  try {
    const result = await runServiceStep(step(file), context);
    expect(result.tail.join("\n")).toMatch(/changed=\d+\s+unreachable=0\s+failed=0/);
  } finally {
    delete process.env.SLIPWAY_TEST_BOT_TOKEN;
    delete process.env.ANSIBLE_HOST_KEY_CHECKING;
  }
  // The configuration's own template is evaluated, the value's is not.
  expect(readFileSync(file, "utf8")).toBe(`${evil}|42|2|0123abc`);
  expect(existsSync(join(base, "hacked"))).toBe(false);
  const seen = readFileSync(`${file}.env`, "utf8");
  expect(seen).toContain("ANSIBLE_HOST_KEY_CHECKING=True");
  expect(seen).not.toMatch(/bot-credential|PRIVATE KEY|SLIPWAY_ANSIBLE/);
  expect(filesWithKey(context.local.root)).toEqual([]);
  const job = join(context.local.root, context.jobs[0]?.id ?? "");
  expect(readdirSync(job)).not.toContain("files");
  await until(
    "no process of it is left",
    () => processesWith(context.jobs[0]?.id ?? "x", "environ").length === 0,
  );
}, 60_000);

it("refuses a host with another key, even where the team's ansible.cfg would take any", async () => {
  const { base, file } = playbookFolder();
  writeFileSync(
    join(base, "ansible.cfg"),
    "[defaults]\nhost_key_checking = False\n[ssh_connection]\nssh_args = -o StrictHostKeyChecking=no\n",
  );
  const sshd = await startSshd({ hostKey: OTHER_HOST_KEY });
  const wrong = { target: { ...sshd.target, hostKey: USER_KEY.publicKeyLine } };
  const context = stepContext(wrong, { folder: base });
  const fault = await runServiceStep(step(file), context).catch((error: RemoteError) => error);
  expect(fault).toMatchObject({ code: "step_failed" });
  expect(context.lines.join("\n")).toMatch(/Host key verification failed|IDENTIFICATION HAS CHANGED/);
  expect(existsSync(file)).toBe(false);
  await runServiceStep(step(file), stepContext(sshd, { folder: base }));
  expect(existsSync(file)).toBe(true);
}, 60_000);

it("refuses a variable that would change where Ansible connects", async () => {
  const { base, file } = playbookFolder();
  const step_ = step(file, { extraVars: { ansible_ssh_args: "-o StrictHostKeyChecking=no" } });
  const context = stepContext(await startServer(), { folder: base });
  await expect(runServiceStep(step_, context)).rejects.toMatchObject({ code: "value_not_passable" });
});

it("is stopped with everything it started, and leaves no key behind", async () => {
  const base = folder();
  writeFileSync(
    join(base, "update.yml"),
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Long\n      ansible.builtin.raw: sleep 8401\n",
  );
  const sshd = await startSshd();
  const context = stepContext(sshd, { folder: base });
  const work = runServiceStep(step("unused"), context);
  work.catch(() => {});
  await until("the task runs", () => processesWith("sleep 8401").length > 0);
  const { stopJob } = await import("../../src/remote/index.ts");
  const id = context.jobs[0]?.id;
  if (id === undefined) throw new Error("no job");
  await stopJob(context.local, id);
  await expect(work).rejects.toMatchObject({ code: "job_stopped" });
  expect(processesWith(`SLIPWAY_JOB=${id}`, "environ")).toEqual([]);
  expect(processesWith("ssh-agent").filter((pid) => processesWith(id, "environ").includes(pid))).toEqual([]);
  expect(filesWithKey(context.local.root)).toEqual([]);
}, 60_000);
