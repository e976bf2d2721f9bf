/** Which S3 operation a path-style request is, and its bucket and key. */
export interface S3Route {
  readonly operation: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** undefined for operations that this cloud does not have; `rawPath` is still percent-encoded. */
export function s3Route(method: string, rawPath: string, query: URLSearchParams): S3Route | undefined {
  const [, bucket = "", ...rest] = rawPath.split("/");
  const key = rest.join("/");
  if (bucket === "") return undefined;
  const operation = key === "" ? bucketOperation(method, query) : objectOperation(method, query);
  if (!operation) return undefined;
  const labels = {
    Bucket: decodeURIComponent(bucket),
    ...(key === "" ? {} : { Key: decodeURIComponent(key) }),
  };
  return { operation, labels };
}

function bucketOperation(method: string, query: URLSearchParams): string | undefined {
  if (method === "GET" && query.get("list-type") === "2") return "ListObjectsV2";
  const isPlain = [...query.keys()].every((name) => name === "x-id");
  if (!isPlain) return undefined;
  return { PUT: "CreateBucket", HEAD: "HeadBucket" }[method];
}

const SUB_RESOURCES = [
  "acl",
  "tagging",
  "uploads",
  "uploadId",
  "partNumber",
  "attributes",
  "retention",
  "torrent",
];

function objectOperation(method: string, query: URLSearchParams): string | undefined {
  if (SUB_RESOURCES.some((name) => query.has(name))) return undefined;
  return { PUT: "PutObject", GET: "GetObject", HEAD: "HeadObject", DELETE: "DeleteObject" }[method];
}
