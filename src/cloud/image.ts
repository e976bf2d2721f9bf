import { DescribeImagesCommand } from "@aws-sdk/client-ec2";
import { z } from "zod";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import { unreadableAnswer } from "./errors.ts";
import { parseAnswer } from "./parse.ts";

/** What a launch has to know of an AMI. */
export interface Image {
  readonly id: string;
  readonly name: string | undefined;
  /** `available` is the only state that launches; also `pending`, `failed`, `disabled`, `deregistered` … */
  readonly state: string;
  readonly stateReason: string | undefined;
  /** `x86_64`, `arm64` … */
  readonly architecture: string | undefined;
  /**
   * E.g. `/dev/sda1`; undefined for an image without one, which cannot be launched with a root volume of
   * ours.
   */
  readonly rootDeviceName: string | undefined;
  /** Size of the snapshot behind the root device: the volume may not be smaller. */
  readonly rootSnapshotSizeGiB: number | undefined;
  readonly rootEncrypted: boolean;
}

const imageSchema = z.object({
  ImageId: z.string(),
  Name: z.string().optional(),
  State: z.string(),
  StateReason: z.object({ Message: z.string().optional() }).optional(),
  Architecture: z.string().optional(),
  RootDeviceName: z.string().optional(),
  BlockDeviceMappings: z
    .array(
      z.object({
        DeviceName: z.string().optional(),
        Ebs: z.object({ VolumeSize: z.number().optional(), Encrypted: z.boolean().optional() }).optional(),
      }),
    )
    .optional(),
});

const answerSchema = z.object({ Images: z.array(imageSchema) });

/** @throws AwsFault, `not_found` for an image that does not exist or is not shared with the account. */
export async function describeImage(clients: ClientSet, id: string, options: CallOptions): Promise<Image> {
  const action = "ec2:DescribeImages";
  const command = new DescribeImagesCommand({ ImageIds: [id] });
  const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
  const answer = await clients.caller.call(action, send, options);
  const { Images } = parseAnswer(answerSchema, answer, clients.caller.facts(action));
  const image = Images.find((one) => one.ImageId === id);
  if (!image) throw unreadableAnswer(clients.caller.facts(action), `the image ${id} is not in it`);
  const root = image.BlockDeviceMappings?.find((mapping) => mapping.DeviceName === image.RootDeviceName)?.Ebs;
  return {
    id: image.ImageId,
    name: image.Name,
    state: image.State,
    stateReason: image.StateReason?.Message,
    architecture: image.Architecture,
    rootDeviceName: image.RootDeviceName,
    rootSnapshotSizeGiB: root?.VolumeSize,
    rootEncrypted: root?.Encrypted ?? false,
  };
}
