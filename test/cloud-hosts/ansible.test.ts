import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { sampleApplication } from "../../sandbox/sample/index.ts";
import { boot, KEYS, later, OTHER_KEYS } from "./machine-kit.ts";

const execute = promisify(execFile);

const PLAYBOOK = `
- hosts: all
  gather_facts: false
  tasks:
    - copy: { content: "{{ ref }}", dest: note.txt, mode: "0640" }
    - command: platform config save --ref {{ ref }}
      become: true
    - shell: echo $USER $HOME
      register: who
    - copy: { content: "{{ who.stdout }}", dest: who.txt }
`;

async function play(key: string) {
  const { spec } = await boot({}, {}, sampleApplication);
  const folder = await mkdtemp(join(tmpdir(), "slipway-ansible-"));
  later(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "key"), key, { mode: 0o600 });
  await writeFile(join(folder, "play.yml"), PLAYBOOK);
  const ran = execute(
    "ansible-playbook",
    ["-i", `${spec.address},`, "-e", `ansible_port=${spec.sshPort}`, "-e", "ref=abc", "-u", "ubuntu"].concat([
      "--private-key",
      join(folder, "key"),
      join(folder, "play.yml"),
    ]),
    {
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        ANSIBLE_HOST_KEY_CHECKING: "False",
        ANSIBLE_SSH_ARGS: "-o ControlMaster=no -o UserKnownHostsFile=/dev/null",
        ANSIBLE_PYTHON_INTERPRETER: "auto_silent",
        ANSIBLE_LOCAL_TEMP: join(folder, "tmp"),
      },
    },
  );
  return { spec, ran };
}

test("Debian's Ansible plays against a machine: files, commands, become", { timeout: 120_000 }, async () => {
  const { spec, ran } = await play(KEYS.private);
  const { stdout } = await ran;
  expect(stdout).toMatch(/ok=4\s+changed=4\s+unreachable=0\s+failed=0/);
  const home = join(spec.folder, "home/ubuntu");
  expect(await readFile(join(home, "note.txt"), "utf8")).toBe("abc");
  expect(await readFile(join(home, "who.txt"), "utf8")).toBe(`ubuntu ${home}`);
  expect(await readFile(join(spec.folder, "opt/platform/config.json"), "utf8")).toContain('"ref": "abc"');
});

test("with a wrong key it says that the machine is unreachable", { timeout: 120_000 }, async () => {
  const { ran } = await play(OTHER_KEYS.private);
  await expect(ran).rejects.toMatchObject({ code: 4, stdout: expect.stringContaining("UNREACHABLE") });
});
