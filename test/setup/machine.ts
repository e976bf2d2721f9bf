import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const NODE_MAJOR = 22;

/** Programs that the tests use for real, and the Debian package that brings each. */
const PROGRAMS = [
  {
    paths: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
    package: "chromium",
  },
  { paths: ["/usr/sbin/sshd"], package: "openssh-server" },
  { paths: ["/usr/bin/ssh-keygen"], package: "openssh-client" },
  { paths: ["/usr/bin/ansible-playbook"], package: "ansible" },
];

/** Installs what a fresh machine lacks; says what to install where it may not do so itself. */
export default function prepareMachine(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR) {
    throw new Error(
      `Node ${process.versions.node} cannot load better-sqlite3: run the tests through npm (npm test), which uses the Node 24 of the lockfile.`,
    );
  }
  const missing = PROGRAMS.filter((program) => !program.paths.some((path) => existsSync(path)));
  if (missing.length === 0) return;
  const packages = missing.map((program) => program.package);
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `These tests use real programs that are not installed: ${packages.join(", ")}. Install them and run again.`,
    );
  }
  console.log(`Installing ${packages.join(", ")} for the tests …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["update", "-qq"], { env, stdio: ["ignore", "ignore", "inherit"] });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
