import { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Account, openAccount, refusal } from "./account.ts";

const Bucket = "acme-e2e-results";
let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(() => account.post("reset"));
afterAll(() => account.close());

const put = (Key: string, Body: string | Uint8Array = Key) =>
  account.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const text = async (Key: string) => {
  const { Body } = await account.s3.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
};

it("keeps bytes, type and metadata, under any key", async () => {
  const Key = "stg1/run 7/ä&<?>/report.html";
  const bytes = new Uint8Array([0, 255, 13, 10, 128]);
  await account.s3.send(
    new PutObjectCommand({ Bucket, Key, Body: bytes, ContentType: "text/html", Metadata: { run: "7" } }),
  );
  const got = await account.s3.send(new GetObjectCommand({ Bucket, Key }));
  expect(await got.Body?.transformToByteArray()).toEqual(bytes);
  expect(got).toMatchObject({ ContentType: "text/html", Metadata: { run: "7" }, ContentLength: 5 });
  const head = await account.s3.send(new HeadObjectCommand({ Bucket, Key }));
  expect(head).toMatchObject({ ETag: got.ETag, ContentLength: 5 });
  const { Contents } = await account.s3.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.[0]).toMatchObject({ Key, Size: 5 });
});

it("takes a stream of known length, which the SDK sends in signed chunks", async () => {
  const body = Readable.from([Buffer.from("one "), Buffer.from("two")]);
  await account.s3.send(new PutObjectCommand({ Bucket, Key: "streamed", Body: body, ContentLength: 7 }));
  expect(await text("streamed")).toBe("one two");
});

it("lists by prefix, by folder and in pages", async () => {
  await Promise.all(["a/1", "a/2", "a/b/3", "c"].map((key) => put(key)));
  const list = (input: object) => account.s3.send(new ListObjectsV2Command({ Bucket, ...input }));
  expect((await list({ Prefix: "a/" })).Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2", "a/b/3"]);
  const folder = await list({ Prefix: "a/", Delimiter: "/" });
  expect(folder.Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2"]);
  expect(folder.CommonPrefixes).toEqual([{ Prefix: "a/b/" }]);
  const first = await list({ MaxKeys: 3 });
  expect([first.KeyCount, first.IsTruncated]).toEqual([3, true]);
  const second = await list({ MaxKeys: 3, ContinuationToken: first.NextContinuationToken });
  expect(second.Contents?.map(({ Key }) => Key)).toEqual(["c"]);
});

it("deletes, also what is not there", async () => {
  await put("a");
  await account.s3.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
  await account.s3.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
  expect(await refusal(text("a"))).toEqual({ code: "NoSuchKey", status: 404 });
});

it("knows which buckets there are", async () => {
  const unknown = { Bucket: "nobodys", Key: "a" };
  expect(await refusal(account.s3.send(new GetObjectCommand(unknown)))).toEqual({
    code: "NoSuchBucket",
    status: 404,
  });
  expect((await refusal(account.s3.send(new HeadBucketCommand({ Bucket: "nobodys" })))).status).toBe(404);
  await account.s3.send(new CreateBucketCommand({ Bucket: "nobodys" }));
  await account.s3.send(new HeadBucketCommand({ Bucket: "nobodys" }));
  expect((await refusal(account.s3.send(new CreateBucketCommand({ Bucket: "nobodys" })))).code).toBe(
    "BucketAlreadyOwnedByYou",
  );
});

it("does not overwrite when asked not to", async () => {
  await put("once", "first");
  const again = new PutObjectCommand({ Bucket, Key: "once", Body: "second", IfNoneMatch: "*" });
  expect(await refusal(account.s3.send(again))).toEqual({ code: "PreconditionFailed", status: 412 });
  expect(await text("once")).toBe("first");
});
