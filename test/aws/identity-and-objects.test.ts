import { describe, expect, it } from "vitest";
import { parseS3Address } from "../../src/cloud/index.ts";
import { REGION } from "./raw-aws.ts";
import { standIn } from "./stand-in.ts";

const stand = standIn();

describe("the caller's identity", () => {
  const answer = (content: string) => ({
    body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult>${content}</GetCallerIdentityResult></GetCallerIdentityResponse>`,
  });

  it("is read whole or not at all", async () => {
    stand.aws.answer(answer("<Arn>arn:aws:iam::1:user/bot</Arn><UserId>AIDA</UserId><Account>1</Account>"));
    expect(await stand.cloud.identity(REGION)).toEqual({
      arn: "arn:aws:iam::1:user/bot",
      userId: "AIDA",
      account: "1",
    });
    stand.aws.answer(answer("<Arn>arn:aws:iam::1:user/bot</Arn>"));
    await expect(stand.cloud.identity(REGION)).rejects.toMatchObject({ code: "aws_unreadable_answer" });
  });
});

describe("objects", () => {
  const place = { bucket: "results", key: "stg1/report.json" };
  const s3Error = (code: string, status: number) => ({
    status,
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
    type: "application/xml",
  });

  it("are put and got by bucket and key", async () => {
    const { objects } = stand.cloud.region(REGION);
    stand.aws.answer({ body: "" });
    await objects.put(place, '{"ok":true}', { contentType: "application/json" });
    expect(stand.aws.calls[0]).toMatchObject({
      method: "PUT",
      path: "/results/stg1/report.json?x-id=PutObject",
    });
    expect(stand.aws.calls[0]?.headers["content-type"]).toBe("application/json");
    stand.aws.answer({ body: '{"ok":true}', type: "application/json" });
    const got = await objects.get(place);
    expect(Buffer.from(got ?? []).toString()).toBe('{"ok":true}');
  });

  it("that are not there are undefined; a missing bucket or permission is a fault", async () => {
    const { objects } = stand.cloud.region(REGION);
    stand.aws.answer(s3Error("NoSuchKey", 404));
    expect(await objects.get(place)).toBeUndefined();
    stand.aws.answer(s3Error("NoSuchBucket", 404));
    await expect(objects.get(place)).rejects.toMatchObject({ kind: "not_found", action: "s3:GetObject" });
    stand.aws.answer(s3Error("AccessDenied", 403));
    await expect(objects.get(place)).rejects.toMatchObject({ kind: "denied" });
  });

  it("that are too large are not read", async () => {
    stand.aws.answer({ body: "x".repeat(1000), type: "text/plain" });
    const { objects } = stand.cloud.region(REGION);
    await expect(objects.get(place, { mostBytes: 999 })).rejects.toMatchObject({ code: "object_too_large" });
  });

  it("have addresses as the configuration writes them", () => {
    expect(parseS3Address("s3://acme-e2e-results/stg1/")).toEqual({
      bucket: "acme-e2e-results",
      key: "stg1",
    });
    expect(parseS3Address("s3://acme")).toEqual({ bucket: "acme", key: "" });
    for (const text of ["acme/x", "s3://", "s3://A/x", "https://s3/x"]) {
      expect(() => parseS3Address(text)).toThrow(expect.objectContaining({ code: "s3_address_invalid" }));
    }
  });
});
