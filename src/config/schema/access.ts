import { z } from "zod";
import { expected, repository } from "./scalars.ts";

/** viewer < developer < maintainer; release stands apart. */
export const ROLES = ["viewer", "developer", "maintainer", "release"] as const;
export type Role = (typeof ROLES)[number];

export const GITHUB_PERMISSIONS = ["read", "triage", "write", "maintain", "admin"] as const;

const SLACK_MEMBER = /^(?:everyone|[SUW][A-Z0-9]{2,})$/;
const slackMember = z
  .string(expected("everyone, or a Slack user or user group id such as U0ANN or S0DEVS"))
  .regex(SLACK_MEMBER, expected("everyone, or a Slack user or user group id such as U0ANN or S0DEVS"));

const LOGIN = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?$/;
const TEAM = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[\w.-]+$/;
const gitHubMember = z
  .string(expected("a permission (read, write, admin …), a login or org/team"))
  .refine(
    (written) => LOGIN.test(written) || TEAM.test(written),
    expected("a permission (read, write, admin …), a login or org/team"),
  );

const members = z
  .strictObject({
    slack: z.array(slackMember, expected("a list")).prefault([]).describe("Slack users and user groups."),
    github: z
      .array(gitHubMember, expected("a list"))
      .prefault([])
      .describe("Permissions on the target's repository, logins and org/team."),
  })
  .prefault({});

export const access = z
  .strictObject({
    roles: z
      .strictObject({
        viewer: members.describe("May read."),
        developer: members.describe("May launch, update, test and hold slots."),
        maintainer: members.describe("May do so with other people's slots, bake and clean."),
        release: members.describe("May deploy, approve, roll back and freeze environments."),
      })
      .prefault({})
      .describe("Who has which role."),
    people: z
      .record(
        z.string().regex(/^[UW][A-Z0-9]{2,}$/, expected("a Slack user id such as U0ANN")),
        z.string(expected("a GitHub login")).regex(LOGIN, expected("a GitHub login")),
      )
      .prefault({})
      .describe("The same person on both sides: Slack user id and GitHub login."),
  })
  .prefault({});

export const slack = z.strictObject({
  channel: z
    .string(expected("a channel's id such as C0STAGING"))
    .regex(/^[CG][A-Z0-9]{2,}$/, expected("a channel's id such as C0STAGING"))
    .optional()
    .describe("Where runs that began elsewhere are announced."),
  team: z
    .string(expected("the workspace's id such as T0ACME"))
    .regex(/^[TE][A-Z0-9]{2,}$/, expected("the workspace's id such as T0ACME"))
    .describe("The workspace; people of other workspaces are refused."),
});

export const FORKS = ["refuse", "allow"] as const;

export const github = z
  .strictObject({
    repositories: z
      .array(repository(), expected("a list of repositories"))
      .prefault([])
      .describe("Where comments are obeyed."),
    forks: z
      .enum(FORKS)
      .prefault("refuse")
      .describe("Whether pull requests from forks, and commits that are in a fork alone, may be launched."),
  })
  .prefault({});

export type AccessConfig = z.output<typeof access>;
export type SlackConfig = z.output<typeof slack>;
export type GitHubConfig = z.output<typeof github>;
