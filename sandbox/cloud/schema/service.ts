import type { EnumLookup } from "./check.ts";
import enumMembers from "./enum-members.json" with { type: "json" };
import { type Operation, operationOf, publishedError } from "./shape.ts";

export const SERVICE_IDS = ["ec2", "elasticloadbalancing", "sts", "s3"] as const;
/** Named as in the credential scope of a signature. */
export type ServiceId = (typeof SERVICE_IDS)[number];

export type Protocol = "ec2Query" | "awsQuery" | "restXml";

export interface ServiceDescription {
  readonly id: ServiceId;
  /** How calls are named in faults and in the record of calls, as IAM names actions. */
  readonly label: string;
  readonly protocol: Protocol;
  readonly packageName: string;
  readonly version: string;
  readonly xmlNamespace: string;
}

/**
 * The services that this cloud speaks. Versions and namespaces are those of each client's
 * runtimeConfig.shared.js.
 */
export const SERVICES: Readonly<Record<ServiceId, ServiceDescription>> = {
  ec2: {
    id: "ec2",
    label: "ec2",
    protocol: "ec2Query",
    packageName: "@aws-sdk/client-ec2",
    version: "2016-11-15",
    xmlNamespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
  },
  elasticloadbalancing: {
    id: "elasticloadbalancing",
    label: "elasticloadbalancing",
    protocol: "awsQuery",
    packageName: "@aws-sdk/client-elastic-load-balancing-v2",
    version: "2015-12-01",
    xmlNamespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
  },
  sts: {
    id: "sts",
    label: "sts",
    protocol: "awsQuery",
    packageName: "@aws-sdk/client-sts",
    version: "2011-06-15",
    xmlNamespace: "https://sts.amazonaws.com/doc/2011-06-15/",
  },
  s3: {
    id: "s3",
    label: "s3",
    protocol: "restXml",
    packageName: "@aws-sdk/client-s3",
    version: "2006-03-01",
    xmlNamespace: "http://s3.amazonaws.com/doc/2006-03-01/",
  },
};

const ENUM_MEMBERS: Readonly<Record<string, Readonly<Record<string, string>>>> = enumMembers;

/** A service as its SDK client publishes it: operations, enums and errors, each read when first asked for. */
export class ServiceModel {
  readonly description: ServiceDescription;
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #operations = new Map<string, Operation | undefined>();
  readonly #enums = new Map<string, ReadonlySet<string> | undefined>();
  #statuses: ReadonlyMap<string, number> | undefined;

  constructor(description: ServiceDescription, exports: Readonly<Record<string, unknown>>) {
    this.description = description;
    this.#exports = exports;
  }

  operation(name: string): Operation | undefined {
    if (!this.#operations.has(name)) {
      const schema = Object.hasOwn(this.#exports, `${name}$`) ? this.#exports[`${name}$`] : undefined;
      this.#operations.set(name, Array.isArray(schema) && schema[0] === 9 ? operationOf(schema) : undefined);
    }
    return this.#operations.get(name);
  }

  /** The values that `structure.member` may take, or undefined when it is no enum. */
  readonly enumValues: EnumLookup = (structure, member) => {
    const key = `${structure}.${member}`;
    if (!this.#enums.has(key)) this.#enums.set(key, this.#readEnum(key));
    return this.#enums.get(key);
  };

  /** The HTTP status that the SDK's schemas publish for an error code; EC2 publishes none. */
  statusOf(code: string): number | undefined {
    this.#statuses ??= new Map(
      Object.values(this.#exports)
        .map(publishedError)
        .filter((error) => error !== undefined)
        .map((error) => [error.code, error.status]),
    );
    return this.#statuses.get(code);
  }

  #readEnum(key: string): ReadonlySet<string> | undefined {
    const name = ENUM_MEMBERS[this.description.id]?.[key];
    if (name === undefined) return undefined;
    const published = this.#exports[name];
    if (typeof published !== "object" || published === null) {
      throw new Error(`${this.description.packageName} exports no enum ${name}, which ${key} should take`);
    }
    return new Set(Object.values(published).map(String));
  }
}

export type ServiceModels = Readonly<Record<ServiceId, ServiceModel>>;

/** Loads the SDK's clients for their schemas; about 0.3 s, once per process. */
export async function loadServiceModels(): Promise<ServiceModels> {
  const [ec2, elbv2, sts, s3] = await Promise.all([
    import("@aws-sdk/client-ec2"),
    import("@aws-sdk/client-elastic-load-balancing-v2"),
    import("@aws-sdk/client-sts"),
    import("@aws-sdk/client-s3"),
  ]);
  return {
    ec2: new ServiceModel(SERVICES.ec2, { ...ec2 }),
    elasticloadbalancing: new ServiceModel(SERVICES.elasticloadbalancing, { ...elbv2 }),
    sts: new ServiceModel(SERVICES.sts, { ...sts }),
    s3: new ServiceModel(SERVICES.s3, { ...s3 }),
  };
}
