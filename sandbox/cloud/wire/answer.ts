import type { Protocol, ServiceModel } from "../schema/service.ts";
import type { Operation } from "../schema/shape.ts";
import type { AwsError } from "./aws-error.ts";
import { restAnswer } from "./rest.ts";
import { escapeXml, xmlMembers } from "./xml.ts";

/** An HTTP answer, ready to be sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Writes an operation's output in the form of its service's protocol. */
export function successAnswer(
  model: ServiceModel,
  operation: Operation,
  output: object,
  requestId: string,
): Answer {
  const { protocol, xmlNamespace } = model.description;
  if (protocol === "restXml") return restAnswer(operation, output, xmlNamespace, requestId);
  const members = xmlMembers(operation.output, output);
  const name = operation.name;
  const body =
    protocol === "ec2Query"
      ? `<${name}Response xmlns="${xmlNamespace}"><requestId>${requestId}</requestId>${members}</${name}Response>`
      : `<${name}Response xmlns="${xmlNamespace}"><${name}Result>${members}</${name}Result>` +
        `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`;
  return { status: 200, headers: xmlHeaders(protocol, requestId), body: DECLARATION + body };
}

/** Writes an error in the form of its service's protocol. */
export function errorAnswer(model: ServiceModel, error: AwsError, requestId: string): Answer {
  const { protocol } = model.description;
  const status = error.status ?? model.statusOf(error.code) ?? 400;
  return {
    status,
    headers: xmlHeaders(protocol, requestId),
    body: DECLARATION + errorXml(model, error, status, requestId),
  };
}

function errorXml(model: ServiceModel, error: AwsError, status: number, requestId: string): string {
  const code = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
  switch (model.description.protocol) {
    case "ec2Query":
      return `<Response><Errors><Error>${code}</Error></Errors><RequestID>${requestId}</RequestID></Response>`;
    case "awsQuery": {
      const type = status < 500 ? "Sender" : "Receiver";
      return (
        `<ErrorResponse xmlns="${model.description.xmlNamespace}"><Error><Type>${type}</Type>${code}</Error>` +
        `<RequestId>${requestId}</RequestId></ErrorResponse>`
      );
    }
    case "restXml":
      return `<Error>${code}<RequestId>${requestId}</RequestId></Error>`;
  }
}

function xmlHeaders(protocol: Protocol, requestId: string): Record<string, string> {
  const idHeader = protocol === "restXml" ? "x-amz-request-id" : "x-amzn-requestid";
  const type = protocol === "restXml" ? "application/xml" : "text/xml;charset=UTF-8";
  return { "content-type": type, [idHeader]: requestId };
}
