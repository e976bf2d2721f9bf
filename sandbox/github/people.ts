/** The organisation of the sandbox: its people with what they may do in its one repository. */
export const ORGANISATION = "acme";
export const REPOSITORY = "platform";
export const PULL_REQUEST_BRANCH = "improve-greeting";
export const APP = { id: 4242, slug: "slipway", installation: 100 } as const;

export const GITHUB_PEOPLE = [
  { name: "reader", login: "reader", permission: "read" },
  { name: "writer", login: "writer", permission: "write" },
  { name: "admin", login: "acme-admin", permission: "admin" },
  { name: "outsider", login: "outsider", permission: "none" },
] as const;

export type GitHubPersonName = (typeof GITHUB_PEOPLE)[number]["name"];
