import { z } from "zod";

const milliseconds = z.number().int().nonnegative();

/** Accounts that the image was seeded with, one per browser, and the password that all of them have. */
export const SEEDED_USERS = ["userchrome", "userfirefox", "usersafari", "useredge"] as const;
export const SEEDED_PASSWORD = "staging-only";

/**
 * How the sample platform behaves on one machine; the times are real waits, shortened from the real
 * platform's.
 */
const schema = z.object({
  /** From `lms start` to a heartbeat. */
  lmsStartMs: milliseconds.default(300),
  /** How long DM's entry point collects static files at each start of its container. */
  collectstaticMs: milliseconds.default(1000),
  /** How long the Mentor SPA answers nothing after its start; a restart ends it. */
  mentorEmptyMs: milliseconds.default(0),
  migrateMs: milliseconds.default(100),
  users: z.array(z.string()).default([...SEEDED_USERS]),
  password: z.string().min(1).default(SEEDED_PASSWORD),
  /** The web application has a fault that one end-to-end test finds: its monthly report does not add up. */
  broken: z.boolean().default(false),
  /** Commits (or beginnings of them) that have that fault. */
  brokenRefs: z.array(z.string().min(1)).default(["broken"]),
  /** Calls that fail, by their beginning: `docker compose exec`. */
  failing: z.array(z.string().min(1)).default([]),
});

/** An account for whoever looks at the application by hand. */
const DEMO = { name: "demo", password: "demo" };

/** Every account with its password. */
export function accounts(settings: SampleSettings): Record<string, string> {
  const seeded = settings.users.map((name) => [name, settings.password] as const);
  return { [DEMO.name]: DEMO.password, ...Object.fromEntries(seeded) };
}

export type SampleSettings = z.infer<typeof schema>;

export function readSampleSettings(raw: Readonly<Record<string, unknown>>): SampleSettings {
  return schema.parse(raw);
}
