import { z } from "zod";

const milliseconds = z.number().int().nonnegative();

/** A connection that breaks in the middle: counted from the moment of its authentication. */
const drop = z.strictObject({
  afterBytes: z.number().int().positive().optional(),
  afterMs: milliseconds.optional(),
  /** How many connections are dropped; the ones after them live. */
  times: z.number().int().positive().default(1),
});

/**
 * How one machine behaves, from its image's settings and, later, from the cloud's control address. All of it
 * is what the network, the image or the disk would do; the state model knows none of it.
 */
export const machineSettingsSchema = z.object({
  /** Slow boot: sshd's port is closed for so long after power-on. */
  sshAfterMs: milliseconds.default(0),
  /** sshd shows the key that the image carries for so long after it opens, as until cloud-init has run. */
  bakedHostKeyMs: milliseconds.default(0),
  /** The key that the image carries (OpenSSH private key text); one is made up per image when absent. */
  bakedHostKey: z.string().optional(),
  /** False: every packet to the machine is dropped. */
  reachable: z.boolean().default(true),
  /** `other`: sshd shows a key that nobody injected, as a machine in the middle would. */
  hostKey: z.enum(["own", "other"]).default("own"),
  /** `refuse`: no key is accepted, as with a wrong key pair. */
  auth: z.enum(["accept", "refuse"]).default("accept"),
  drop: drop.nullable().default(null),
  /** The home folder's disk has this many KiB free, then `write` fails with ENOSPC. null: no limit. */
  homeFreeKiB: z.number().int().nonnegative().nullable().default(null),
  /** The one account that may log in. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/)
    .default("ubuntu"),
  /** For the application that runs on the machine; it reads this by its own schema. */
  application: z.record(z.string(), z.unknown()).default({}),
});

export type MachineSettings = z.infer<typeof machineSettingsSchema>;

type RawSettings = Readonly<Record<string, unknown>>;

/** Settings with changes over them; the application's are merged key by key. */
export function mergeSettings(settings: RawSettings, changes: RawSettings): RawSettings {
  const application = { ...asRecord(settings.application), ...asRecord(changes.application) };
  return { ...settings, ...changes, application };
}

function asRecord(value: unknown): RawSettings {
  return typeof value === "object" && value !== null ? (value as RawSettings) : {};
}

/** Reads settings as they came; unknown keys are left to others, since the image's settings are shared. */
export function readSettings(raw: Readonly<Record<string, unknown>>): MachineSettings {
  return machineSettingsSchema.parse(raw);
}
