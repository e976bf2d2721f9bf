import type { Words } from "./index.ts";

/** `aws ecr get-login-password`: what a service update needs of the AWS command line. */
export const aws: Words = async (_platform, words, call) => {
  const plain = words.filter((word) => !word.startsWith("-"));
  if (plain[0] === "ecr" && plain[1] === "get-login-password") {
    call.stdout(Buffer.from("AWS:sandbox-registry-token").toString("base64"));
    return 0;
  }
  if (words.includes("--version")) {
    call.stdout("aws-cli/2.0.0 sandbox");
    return 0;
  }
  call.stderr(`aws: not available on this machine: ${words.join(" ")}`);
  return 252;
};
