import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly modified: Date;
  readonly file: string;
}

/** S3's buckets: bytes on disk under the hash of their key, the rest in memory. */
export class Buckets {
  readonly #folder: string;
  readonly #initial: readonly string[];
  #buckets: Map<string, Map<string, StoredObject>>;

  constructor(folder: string, initial: readonly string[]) {
    this.#folder = folder;
    this.#initial = initial;
    this.#buckets = this.#empty();
  }

  names(): readonly string[] {
    return [...this.#buckets.keys()];
  }

  objects(bucket: string): ReadonlyMap<string, StoredObject> | undefined {
    return this.#buckets.get(bucket);
  }

  /** False when it exists already. */
  create(bucket: string): boolean {
    if (this.#buckets.has(bucket)) return false;
    this.#buckets.set(bucket, new Map());
    return true;
  }

  /** undefined when there is no such bucket. */
  async put(
    bucket: string,
    key: string,
    body: Uint8Array,
    facts: { contentType: string; metadata: Record<string, string>; now: Date },
  ): Promise<StoredObject | undefined> {
    if (!this.#buckets.has(bucket)) return undefined;
    const folder = join(this.#folder, bucket);
    const file = join(folder, createHash("sha256").update(key).digest("hex"));
    await mkdir(folder, { recursive: true });
    await writeFile(file, body);
    const object: StoredObject = {
      key,
      size: body.byteLength,
      etag: `"${createHash("md5").update(body).digest("hex")}"`,
      contentType: facts.contentType,
      metadata: facts.metadata,
      modified: facts.now,
      file,
    };
    this.#buckets.get(bucket)?.set(key, object);
    return object;
  }

  async read(object: StoredObject): Promise<Uint8Array> {
    return new Uint8Array(await readFile(object.file));
  }

  async remove(bucket: string, key: string): Promise<void> {
    const object = this.#buckets.get(bucket)?.get(key);
    if (!object) return;
    this.#buckets.get(bucket)?.delete(key);
    await rm(object.file, { force: true });
  }

  async clear(): Promise<void> {
    this.#buckets = this.#empty();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #empty(): Map<string, Map<string, StoredObject>> {
    return new Map(this.#initial.map((name) => [name, new Map()]));
  }
}
