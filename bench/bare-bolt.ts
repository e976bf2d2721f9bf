/** The least that Bolt does for a slash command: verify and acknowledge. What the bot is compared with. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { App, HTTPReceiver } from "@slack/bolt";

const receiver = new HTTPReceiver({
  signingSecret: process.env.SIGNING_SECRET ?? "",
  endpoints: ["/slack/events"],
});
const app = new App({ receiver, authorize: async () => ({ botToken: "xoxb-bare" }) });
app.command("/stg", async ({ ack }) => await ack());
const server = createServer((request, response) => receiver.requestListener(request, response));
server.listen(0, "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
