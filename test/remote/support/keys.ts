import { deriveHostKey, type HostKeyPair } from "../../../src/remote/index.ts";

/** Key pairs are derived, so a test's keys are the same each time. */
export const keyPair = (name: string): HostKeyPair => deriveHostKey("test", name);
export const HOST_KEY = keyPair("host");
export const OTHER_HOST_KEY = keyPair("other host");
export const USER_KEY = keyPair("user");
export const OTHER_USER_KEY = keyPair("other user");
