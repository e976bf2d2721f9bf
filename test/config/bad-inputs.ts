/** Wrong configurations. What must be said about each stands in bad-inputs.expected.txt. */
export interface BadInput {
  readonly name: string;
  readonly text: string;
}

/** A value of the file that is taken from the environment. */
export function variable(name: string): string {
  return `\${${name}}`;
}

const KEY_LINE = `privateKey: "${variable("KEY")}"`;

/** A slot that is right; rows change one line of it. */
export const SLOT_LINES = {
  url: "https://stg1.example.org",
  region: "us-east-1",
  instanceType: "t3.large",
  ami: "ami-02dff3992891505ba",
  subnets: "[subnet-022ff062fe90b23b1]",
  securityGroup: "sg-0d56a7433d4b2a364",
  ssh: `{ ${KEY_LINE} }`,
  targetGroup: "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg1/0123456789abcde1",
} as const;

export const KEY =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n";
export const ENV = {
  KEY,
  EMPTY: "",
  BRACES: "pass{tag}word",
  WORD: "planted-secret-word",
  STG1_SSH_KEY: KEY,
};

const HEAD = "installation: acme\naccess: { roles: { viewer: { slack: [everyone] } } }\n";

/** A configuration with the one slot stg1 in lines 3 to 12; what is given replaces or adds a line of it. */
export function withSlot(changes: Record<string, string | undefined> = {}, rest = ""): string {
  const lines = Object.entries({ ...SLOT_LINES, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key}: ${value}\n`);
  return `${HEAD}slots:\n  stg1:\n${lines.join("")}${rest}`;
}

export function withRest(rest: string): string {
  return HEAD + rest;
}

const slot = (name: string, changes: Record<string, string | undefined>, rest = ""): BadInput => ({
  name,
  text: withSlot(changes, rest),
});
const rest = (name: string, text: string): BadInput => ({ name, text: withRest(text) });
const whole = (name: string, text: string): BadInput => ({ name, text });

const groupArn = (number: number) => SLOT_LINES.targetGroup.replace(/.$/, String(number));

function inOneLine(lines: Record<string, string | undefined>): string {
  const written = Object.entries(lines).filter(([, value]) => value !== undefined);
  return written
    .map(([key, value]) => `${key}: ${/^[[{]/.test(value ?? "") ? value : `"${value}"`}`)
    .join(", ");
}

const WEST = SLOT_LINES.targetGroup.replace("us-east-1", "us-west-2");
const RULE =
  "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/stg3/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
const ECS =
  "kind: ecs, repository: a/b, branch: main, image: i, waves: [[{ region: us-east-1, cluster: c }]], services: [{ service: s, container: c }]";
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMvnrNzASz0mO2mQfAMH8rh/A5fdHc6blECSlQYZTz9E";

const ROWS: readonly BadInput[] = [
  whole("an empty file", ""),
  whole("a comment alone", "# nothing\n"),
  whole("a list at the top", "- a\n- b\n"),
  whole("a scalar at the top", "hello\n"),
  whole("two documents", `${HEAD}---\ninstallation: other\n`),
  whole("a tab as indentation", "installation: acme\nslots:\n\tstg1: {}\n"),
  whole("a bracket that is not closed", "installation: acme\ngithub: { repositories: [a/b\n"),
  whole("wrong indentation", "installation: acme\ngithub:\n    forks: refuse\n  repositories: []\n"),
  whole("an anchor and an alias", "installation: &name acme\ngithub: { repositories: [*name] }\n"),
  whole("a merge key", "installation: acme\nslots:\n  defaults: { ttl: 1h }\n  stg1: { <<: {} }\n"),
  whole("an explicit tag", "installation: !secret acme\n"),
  whole("a binary tag", "installation: !!binary aGVsbG8=\n"),
  whole("__proto__ as a key", "installation: acme\n__proto__: { polluted: true }\n"),
  whole("constructor as a key", "installation: acme\naccess: { people: { constructor: a } }\n"),
  whole("a key that is a list", "installation: acme\n? [a, b]\n: c\n"),
  whole("a repeated key", "installation: acme\ngithub: {}\ninstallation: other\n"),
  whole("a repeated key within a flow map", "installation: acme\ngithub: { forks: allow, forks: refuse }\n"),
  whole("not a number", "installation: acme\ntests: { parallel: .nan }\n"),
  whole("no installation", "github: {}\n"),
  whole("an installation with capitals", "installation: Acme Corp\n"),
  whole("a number for the installation", "installation: 7\n"),
  whole("nothing for the installation", "installation:\n"),
  rest("an unknown section", "slot: {}\n"),
  rest("an unknown section, nothing near", "monitoring: {}\n"),
  rest("slack without a team", "slack: { channel: C0STAGING }\n"),
  rest("a channel's name for its id", 'slack: { team: T0ACME, channel: "#staging" }\n'),
  whole(
    "an unknown role",
    "installation: acme\naccess:\n  roles:\n    developers: { slack: [everyone] }\n    viewer: { slack: [everyone] }\n",
  ),
  whole("a Slack name for an id", "installation: acme\naccess: { roles: { viewer: { slack: [ann] } } }\n"),
  whole(
    "a GitHub login that cannot be",
    "installation: acme\naccess: { roles: { viewer: { github: [-bad] } } }\n",
  ),
  whole(
    "people by name",
    "installation: acme\naccess: { roles: { viewer: { slack: [everyone] } }, people: { ann: ann } }\n",
  ),
  rest("a repository without an owner", "github: { repositories: [mentorai] }\n"),
  rest("a wrong word for forks", "github: { forks: refused }\n"),
  rest("an address that is none", "network: { ownAddressUrl: checkip }\n"),
  slot("a slot without an image", { ami: undefined }),
  slot("a slot without ssh", { ssh: undefined }),
  slot("ssh without a key", { ssh: "{ user: ubuntu }" }),
  slot("an unknown key of a slot", { instancetype: "t3.large" }),
  slot("an unknown key of ssh", { ssh: `{ ${KEY_LINE}, usr: me }` }),
  slot("a region that is none", { region: "us-east", targetGroup: SLOT_LINES.targetGroup }),
  slot("an image that is none", { ami: "02dff3992891505ba" }),
  slot("a subnet in place of a list", { subnets: "subnet-022ff062fe90b23b1" }),
  slot("no subnets", { subnets: "[]" }),
  slot("one wrong subnet of two", { subnets: "[subnet-022ff062fe90b23b1, sub-1]" }),
  slot("an instance type that is none", { instanceType: "large" }),
  slot("one wrong instance type of two", { instanceType: "[t3.large, big]" }),
  slot("no instance types", { instanceType: "[]" }),
  slot("a number for instance types", { instanceType: "5" }),
  slot("a target group that is none", { targetGroup: "stg1" }),
  slot("a target group of another region", { targetGroup: WEST }),
  slot("no target group", { targetGroup: undefined }),
  slot("a wrong word for swap", { swap: "swich" }),
  slot("switch without its rule and groups", { swap: "switch", targetGroup: undefined }),
  slot("switch with one group", {
    swap: "switch",
    targetGroup: undefined,
    listenerRule: RULE,
    targetGroups: `[${SLOT_LINES.targetGroup}]`,
  }),
  slot("switch with one group twice", {
    swap: "switch",
    targetGroup: undefined,
    listenerRule: RULE,
    targetGroups: `[${SLOT_LINES.targetGroup}, ${SLOT_LINES.targetGroup}]`,
  }),
  slot("a duration without a unit", { ttl: "4" }),
  slot("a duration in words", { ttl: "4 hours" }),
  slot("no time at all", { healthyWithin: "0s" }),
  slot("a queue's times that are none", {}, "queue: { offerAfter: sometimes, offerFor: 0s }\n"),
  slot("a time to live above the most", { ttl: "30h" }),
  slot("a most below the default", { maxTtl: "2h" }),
  slot("a port out of range", { targetPort: "70000" }),
  slot("a port in quotes", { targetPort: '"80"' }),
  slot("a size as text", { rootVolume: "{ size: 200GB }" }),
  slot("half a GiB", { rootVolume: "{ size: 0.5 }" }),
  slot("throughput of gp2", { rootVolume: "{ type: gp2, throughput: 200 }" }),
  slot("an unknown volume type", { rootVolume: "{ type: gp33 }" }),
  slot("a network that is none", { ingress: "{ from: 10.0.0.0/40 }" }),
  slot("a wrong word for the address", { ssh: `{ ${KEY_LINE}, address: publicIP }` }),
  slot("a host key that is none", { ssh: `{ ${KEY_LINE}, hostKey: SHA256:abc }` }),
  slot("a private key in the file", { ssh: "{ privateKey: '-----BEGIN RSA PRIVATE KEY----- x' }" }),
  slot("a variable that is not set", { ssh: `{ privateKey: "${variable("STG1_SSH_KEYS")}" }` }),
  slot("an empty variable", { ssh: `{ privateKey: "${variable("EMPTY")}" }` }),
  slot("a variable with a wrong value", { region: variable("WORD"), targetGroup: SLOT_LINES.targetGroup }),
  slot("a variable's name that cannot be", { keyName: `"${variable("my-key")}"` }),
  slot("a variable that is not closed", { keyName: '"$' + '{KEY"' }),
  rest("a default with braces", `tests: { env: { A: "${variable("NONE:-{sha}")}" } }\n`),
  rest("a field in the value of a variable", `tests: { env: { A: "${variable("BRACES")}" } }\n`),
  slot("a field that a slot does not know", { url: '"https://{sha}.example.org"' }),
  slot("a field where none is filled", { ami: '"{sha}"' }),
  slot("a tag that is a list", { tags: "{ team: [a] }" }),
  slot(
    "two slots with one target group",
    {},
    `  stg2:\n${Object.entries(SLOT_LINES)
      .map(([k, v]) => `    ${k}: ${v}\n`)
      .join("")}`,
  ),
  whole(
    "a target group in the defaults that every slot has from there",
    withSlot({ targetGroup: undefined }, "  stg2:\n    ttl: 1h\n").replace(
      "slots:\n",
      `slots:\n  defaults: { ${inOneLine(SLOT_LINES)} }\n`,
    ),
  ),
  whole(
    "two switches with one listener rule and one of their groups in common",
    HEAD +
      `slots:\n  defaults: { ${inOneLine({ ...SLOT_LINES, targetGroup: undefined, swap: "switch" })} }\n` +
      `  stg1:\n    listenerRule: ${RULE}\n    targetGroups: [${groupArn(1)}, ${groupArn(2)}]\n` +
      `  stg2:\n    listenerRule: ${RULE}\n    targetGroups: [${groupArn(3)}, ${groupArn(1)}]\n`,
  ),
  whole("a slot's name with capitals", withSlot().replace("stg1:", "Stg1:")),
  whole("a slot called all", withSlot().replace("  stg1:", "  all:")),
  slot("a slot and an environment of one name", {}, `environments: { stg1: { ${ECS} } }\n`),
  whole(
    "a mistake in the defaults",
    withSlot().replace("slots:\n", "slots:\n  defaults: { ttll: 4h, swap: swich }\n"),
  ),
  whole(
    "a mistake in the defaults that the slot overrides",
    withSlot({ ttl: "1h" }).replace("slots:\n", "slots:\n  defaults: { ttl: soon }\n"),
  ),
  rest("a step without a kind", "serviceUpdate:\n  steps:\n    - { name: Start }\n"),
  rest("a step with two kinds", "serviceUpdate:\n  steps:\n    - { name: Start, run: a, local: [b] }\n"),
  rest(
    "a step with a misspelled kind",
    "serviceUpdate:\n  steps:\n    - { name: Start, waitfor: 'http://localhost/' }\n",
  ),
  rest("a step that is text", "serviceUpdate:\n  steps:\n    - docker compose up\n"),
  rest("a step without a name", "serviceUpdate:\n  steps:\n    - { run: ls }\n"),
  rest("a step with a wrong key", "serviceUpdate:\n  steps:\n    - { name: a, run: ls, retry: 2 }\n"),
  rest("attempts of a command", "serviceUpdate:\n  steps:\n    - { name: a, run: ls, attempts: 2 }\n"),
  rest(
    "steps with one name",
    "serviceUpdate:\n  steps:\n    - { name: a, run: ls }\n    - parallel:\n        - { name: b, run: ls }\n        - { name: a, run: ls }\n",
  ),
  rest(
    "parallel within parallel",
    "serviceUpdate:\n  steps:\n    - parallel:\n        - parallel: [{ name: a, run: ls }]\n",
  ),
  rest("a program as text", "serviceUpdate:\n  steps:\n    - { name: a, local: 'make deploy' }\n"),
  rest(
    "a program named by a field",
    "serviceUpdate:\n  steps:\n    - { name: a, local: ['./{branch}', up] }\n",
  ),
  rest("a field in shell text", "serviceUpdate:\n  steps:\n    - { name: a, run: 'git checkout {sha}' }\n"),
  rest(
    "several fields in shell text",
    `serviceUpdate:\n  steps:\n    - name: a\n      run: 'deploy {short_sha} {region} ${variable("sha")}'\n`,
  ),
  rest(
    "a field in the shell text of onFailure",
    "serviceUpdate:\n  steps:\n    - { name: a, run: ls, onFailure: { run: 'restart {slot}' } }\n",
  ),
  rest("an unknown field", "serviceUpdate:\n  steps:\n    - { name: a, local: [deploy, '{shaa}'] }\n"),
  rest("an unknown field, nothing near", "tests: { env: { A: '{commit_hash}' } }\n"),
  rest("Slipway's own variable", "serviceUpdate: { env: { SLIPWAY_SHA: x } }\n"),
  rest("a variable's name with a hyphen", "serviceUpdate: { env: { my-name: x } }\n"),
  rest("a variable that is a list", "serviceUpdate: { env: { NAMES: [a] } }\n"),
  rest("a misspelled browser", "tests: { browsers: [chrome, fierfox] }\n"),
  rest(
    "a user of a browser that does not run",
    "tests: { browsers: [chrome], users: { edge: { name: a, password: b } } }\n",
  ),
  rest(
    "a user of an unknown browser",
    "tests: { browsers: [chrome], users: { opera: { name: a, password: b } } }\n",
  ),
  rest("a browser twice", "tests: { browsers: [chrome, chrome] }\n"),
  rest("an unknown runner", "tests: { runner: github }\n"),
  rest("a runner without its image", "tests: { runner: ecs }\n"),
  rest("results on no S3", "tests: { results: ./results }\n"),
  rest("an environment without a kind", "environments: { prod: { repository: a/b, branch: main } }\n"),
  rest(
    "an environment of an unknown kind",
    "environments: { prod: { kind: esc, repository: a/b, branch: main } }\n",
  ),
  rest("an environment that lacks much", "environments:\n  prod:\n    kind: ecs\n    repository: a/b\n"),
  rest(
    "an environment that needs a slot",
    `environments: { prod: { ${ECS}, requires: { slot: stg9, tests: none } } }\n`,
  ),
  slot(
    "an environment that needs an unknown slot",
    {},
    `environments:\n  prod: { ${ECS}, requires: { slot: stg9 } }\n`,
  ),
  rest(
    "a region twice",
    `environments: { prod: { ${ECS.replace("}]]", "}, { region: us-east-1, cluster: c }]]")} } }\n`,
  ),
  rest(
    "a run number without a build",
    `environments: { prod: { ${ECS.replace("image: i", 'image: "r:v{run_number}"')} } }\n`,
  ),
  rest("a window that is none", `environments: { prod: { ${ECS}, windows: { allow: ["Mo-Fr 9-17"] } } }\n`),
  rest(
    "a window that ends before it begins",
    `environments: { prod: { ${ECS}, windows: { allow: ["Mon 17:00-09:00"] } } }\n`,
  ),
  rest(
    "an unknown time zone",
    `environments: { prod: { ${ECS}, windows: { timezone: Asia/Kolkatta, allow: ["Mon 09:00-17:00"] } } }\n`,
  ),
  rest("an unknown approver's role", `environments: { prod: { ${ECS}, approvals: { role: releaser } } }\n`),
  rest(
    "a check of no kind",
    `environments: { prod: { ${ECS}, verify: [{ htp: "https://a.example.org" }] } }\n`,
  ),
  rest(
    "a version by a pattern without a group",
    `environments: { prod: { ${ECS}, verify: [{ http: "https://a.example.org", version: { text: "v1", equals: "{tag}" } }] } }\n`,
  ),
  rest(
    "a host key that is injected",
    `environments: { amy: { kind: ssh, repository: a/b, branch: main, host: a.example.org, ssh: { user: u, ${KEY_LINE}, hostKey: inject }, steps: [{ name: a, run: ls }] } }\n`,
  ),
  rest(
    "fields in an environment's shell texts",
    `environments:\n  amy:\n    kind: ssh\n    repository: a/b\n    branch: main\n    host: a.example.org\n    ssh: { user: u, ${KEY_LINE}, hostKey: ${HOST_KEY} }\n    maintenance: { enter: 'a {slot}', leave: 'b {url}', isOn: 'c {host}' }\n    backup: { run: 'd {ref}', check: 'e {branch}', directory: /b, restore: 'f {tag}' }\n    steps: [{ name: a, run: 'g {pr} {run_number}' }]\n`,
  ),
  whole(
    "many problems at once",
    `instalation: acme\n${withSlot({ ami: "x", ttl: "soon" }).replace("installation: acme\n", "")}tests: { browsers: [] }\n`,
  ),
];

export default ROWS;
