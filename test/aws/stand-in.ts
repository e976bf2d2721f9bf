import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Cloud, CloudRegion } from "../../src/cloud/index.ts";
import { RawAws, REGION } from "./raw-aws.ts";

/** AWS as a file's tests answer for it, with a cloud of its own for each test. */
export function standIn(): { readonly aws: RawAws; readonly cloud: Cloud; readonly region: CloudRegion } {
  let aws: RawAws;
  let cloud: Cloud;
  beforeAll(async () => {
    aws = await RawAws.start();
  });
  beforeEach(() => {
    aws.calls.length = 0;
    cloud = aws.cloud();
  });
  afterEach(() => cloud.close());
  afterAll(() => aws.stop());
  return {
    get aws() {
      return aws;
    },
    get cloud() {
      return cloud;
    },
    get region() {
      return cloud.region(REGION);
    },
  };
}
