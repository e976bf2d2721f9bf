import type {
  CreateBucketOutput,
  CreateBucketRequest,
  DeleteObjectOutput,
  DeleteObjectRequest,
  GetObjectRequest,
  HeadBucketOutput,
  HeadBucketRequest,
  HeadObjectOutput,
  HeadObjectRequest,
  ListObjectsV2Output,
  ListObjectsV2Request,
  PutObjectOutput,
  PutObjectRequest,
} from "@aws-sdk/client-s3";
import type { Buckets, StoredObject } from "../state/buckets.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { Action, ActionTable } from "./action.ts";
import { pageOf } from "./pages.ts";

const MOST_KEYS = 1000;

const createBucket: Action<CreateBucketRequest, CreateBucketOutput> = (input, { cloud }) => {
  const name = input.Bucket ?? "";
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw new AwsError("InvalidBucketName", "The specified bucket is not valid.");
  }
  if (!cloud.buckets.create(name)) {
    throw new AwsError(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      409,
    );
  }
  return { Location: `/${name}` };
};

const headBucket: Action<HeadBucketRequest, HeadBucketOutput> = (input, { cloud, region }) => {
  objectsOf(cloud.buckets, input.Bucket);
  return { BucketRegion: region.name };
};

/** The body arrives as bytes: the SDK's type allows streams, which only its own side has. */
type PutObjectBytes = Omit<PutObjectRequest, "Body"> & { readonly Body?: Uint8Array };

const putObject: Action<PutObjectBytes, PutObjectOutput> = async (input, { cloud, now }) => {
  const { Bucket = "", Key = "", Body = new Uint8Array() } = input;
  const existing = objectsOf(cloud.buckets, Bucket).get(Key);
  if (input.IfNoneMatch === "*" && existing) {
    throw new AwsError(
      "PreconditionFailed",
      "At least one of the pre-conditions you specified did not hold",
      412,
    );
  }
  const stored = await cloud.buckets.put(Bucket, Key, Body, {
    contentType: input.ContentType ?? "application/octet-stream",
    metadata: input.Metadata ?? {},
    now: new Date(now),
  });
  if (!stored) throw noSuchBucket();
  return { ETag: stored.etag };
};

const getObject: Action<GetObjectRequest, HeadObjectOutput & { Body: Uint8Array }> = async (
  input,
  { cloud },
) => {
  const object = objectOf(cloud.buckets, input.Bucket, input.Key);
  return { ...headersOf(object), Body: await cloud.buckets.read(object) };
};

const headObject: Action<HeadObjectRequest, HeadObjectOutput> = (input, { cloud }) =>
  headersOf(objectOf(cloud.buckets, input.Bucket, input.Key));

const deleteObject: Action<DeleteObjectRequest, DeleteObjectOutput> = async (input, { cloud }) => {
  const { Bucket = "", Key = "" } = input;
  objectsOf(cloud.buckets, Bucket);
  await cloud.buckets.remove(Bucket, Key);
  return {};
};

const listObjectsV2: Action<ListObjectsV2Request, ListObjectsV2Output> = (input, { cloud }) => {
  const { Bucket = "", Prefix = "", Delimiter, StartAfter = "" } = input;
  const limit = Math.min(input.MaxKeys ?? MOST_KEYS, MOST_KEYS);
  const objects = [...objectsOf(cloud.buckets, Bucket).values()]
    .filter(({ key }) => key.startsWith(Prefix) && key > StartAfter)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const entries = grouped(objects, Prefix, Delimiter);
  const page = pageOf(entries, limit, input.ContinuationToken, "InvalidArgument");
  return {
    Name: Bucket,
    Prefix,
    MaxKeys: limit,
    KeyCount: page.items.length,
    IsTruncated: page.next !== undefined,
    Contents: page.items.flatMap((entry) =>
      typeof entry === "string"
        ? []
        : [
            {
              Key: entry.key,
              Size: entry.size,
              ETag: entry.etag,
              LastModified: entry.modified,
              StorageClass: "STANDARD" as const,
            },
          ],
    ),
    CommonPrefixes: page.items.flatMap((entry) => (typeof entry === "string" ? [{ Prefix: entry }] : [])),
    ...(Delimiter === undefined ? {} : { Delimiter }),
    ...(page.next === undefined ? {} : { NextContinuationToken: page.next }),
  };
};

/** Keys with the delimiter after the prefix are rolled up into one common prefix. */
function grouped(
  objects: readonly StoredObject[],
  prefix: string,
  delimiter: string | undefined,
): (StoredObject | string)[] {
  if (!delimiter) return [...objects];
  const entries: (StoredObject | string)[] = [];
  for (const object of objects) {
    const end = object.key.indexOf(delimiter, prefix.length);
    const entry = end < 0 ? object : object.key.slice(0, end + delimiter.length);
    if (typeof entry !== "string" || entries.at(-1) !== entry) entries.push(entry);
  }
  return entries;
}

function headersOf(object: StoredObject): HeadObjectOutput {
  return {
    ContentLength: object.size,
    ContentType: object.contentType,
    ETag: object.etag,
    LastModified: object.modified,
    Metadata: object.metadata,
  };
}

function objectsOf(buckets: Buckets, bucket: string | undefined): ReadonlyMap<string, StoredObject> {
  const objects = buckets.objects(bucket ?? "");
  if (!objects) throw noSuchBucket();
  return objects;
}

function objectOf(buckets: Buckets, bucket: string | undefined, key: string | undefined): StoredObject {
  const object = objectsOf(buckets, bucket).get(key ?? "");
  if (!object) throw new AwsError("NoSuchKey", "The specified key does not exist.", 404);
  return object;
}

function noSuchBucket(): AwsError {
  return new AwsError("NoSuchBucket", "The specified bucket does not exist", 404);
}

export const S3_ACTIONS = {
  CreateBucket: createBucket,
  DeleteObject: deleteObject,
  GetObject: getObject,
  HeadBucket: headBucket,
  HeadObject: headObject,
  ListObjectsV2: listObjectsV2,
  PutObject: putObject,
} satisfies ActionTable;
