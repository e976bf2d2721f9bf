import { SlipwayError } from "../../../src/util/errors.ts";

/** An answer that AWS gives as an error: a code, a message for a person, an HTTP status. */
export class AwsError extends SlipwayError {
  /** HTTP status where it is not the one that the service's schemas publish for the code, nor 400. */
  readonly status: number | undefined;

  constructor(code: string, message: string, status?: number) {
    super(code, message);
    this.status = status;
  }
}
