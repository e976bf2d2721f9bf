import { randomBytes } from "node:crypto";

export interface Credential {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly sessionToken: string | undefined;
  /** Milliseconds since the epoch; undefined for keys that last. */
  readonly expires: number | undefined;
  readonly arn: string;
  readonly userId: string;
}

/** Access keys of the configuration, and those that STS gave out for a time. */
export class Credentials {
  readonly #accountId: string;
  readonly #lasting: ReadonlyMap<string, Credential>;
  readonly #issued = new Map<string, Credential>();

  constructor(accountId: string, keys: readonly { id: string; secret: string }[]) {
    this.#accountId = accountId;
    this.#lasting = new Map(
      keys.map(({ id, secret }) => [
        id,
        {
          accessKeyId: id,
          secret,
          sessionToken: undefined,
          expires: undefined,
          arn: `arn:aws:iam::${accountId}:user/sandbox`,
          userId: `AIDA${id.slice(-12)}`,
        },
      ]),
    );
  }

  find(accessKeyId: string): Credential | undefined {
    return this.#lasting.get(accessKeyId) ?? this.#issued.get(accessKeyId);
  }

  /** Keys of an assumed role, good until `expires`. */
  issue(roleArn: string, sessionName: string, expires: number): Credential {
    const role = roleArn.split("/").at(-1) ?? "role";
    const roleId = `AROA${randomBytes(8).toString("hex").toUpperCase()}`;
    const credential: Credential = {
      accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secret: randomBytes(30).toString("base64"),
      sessionToken: randomBytes(96).toString("base64"),
      expires,
      arn: `arn:aws:sts::${this.#accountId}:assumed-role/${role}/${sessionName}`,
      userId: `${roleId}:${sessionName}`,
    };
    this.#issued.set(credential.accessKeyId, credential);
    return credential;
  }

  forgetIssued(): void {
    this.#issued.clear();
  }
}
