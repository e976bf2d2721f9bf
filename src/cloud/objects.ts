import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SlipwayError } from "../util/errors.ts";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import { AwsFault } from "./errors.ts";

/** A place in S3, as `s3://bucket/key` writes it. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Small objects in S3: test reports. Every method throws AwsFault, or the signal's reason. */
export interface Objects {
  put(place: ObjectPlace, body: Uint8Array | string, options?: PutOptions): Promise<void>;
  /** Undefined when there is none. @throws SlipwayError `object_too_large` */
  get(place: ObjectPlace, options?: GetOptions): Promise<Uint8Array | undefined>;
}

export interface PutOptions extends CallOptions {
  readonly contentType?: string;
}

export interface GetOptions extends CallOptions {
  /** Objects above this many bytes are refused; 64 MiB when not given. */
  readonly mostBytes?: number;
}

const MOST_BYTES = 64 * 1024 * 1024;

export function createObjects({ s3, caller }: ClientSet): Objects {
  return {
    async put({ bucket, key }, body, { contentType, ...options } = {}) {
      const type = contentType === undefined ? {} : { ContentType: contentType };
      const input = { Bucket: bucket, Key: key, Body: body, ...type };
      await caller.call(
        "s3:PutObject",
        (abortSignal) => s3.send(new PutObjectCommand(input), { abortSignal }),
        options,
      );
    },
    async get({ bucket, key }, { mostBytes = MOST_BYTES, ...options } = {}) {
      try {
        return await caller
          .call(
            "s3:GetObject",
            async (abortSignal) => {
              const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
                abortSignal,
              });
              if ((answer.ContentLength ?? 0) > mostBytes) {
                // Closes the connection: the body is not read.
                answer.Body?.transformToWebStream().cancel();
                return answer.ContentLength ?? mostBytes + 1;
              }
              return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
            },
            options,
          )
          .then((answer) => refuseTooLarge(answer, { bucket, key }, mostBytes));
      } catch (error) {
        if (error instanceof AwsFault && error.awsCode === "NoSuchKey") return undefined;
        throw error;
      }
    },
  };
}

function refuseTooLarge(answer: Uint8Array | number, place: ObjectPlace, mostBytes: number): Uint8Array {
  const size = typeof answer === "number" ? answer : answer.byteLength;
  if (typeof answer !== "number" && size <= mostBytes) return answer;
  const name = `s3://${place.bucket}/${place.key}`;
  throw new SlipwayError("object_too_large", `${name} has ${size} bytes; at most ${mostBytes} are read`, {
    remedy: "Let the test report without large attachments, or remove the object.",
    fields: { ...place, size },
  });
}

/** Reads `s3://bucket/some/key`. @throws SlipwayError `s3_address_invalid` */
export function parseS3Address(text: string): ObjectPlace {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text);
  if (match?.[1] === undefined) {
    throw new SlipwayError("s3_address_invalid", `"${text}" is not of the form s3://bucket/key`);
  }
  return { bucket: match[1], key: (match[2] ?? "").replace(/\/+$/, "") };
}
