import { z } from "zod";
import type { EmulatedSlack } from "./emulator.ts";
import { CHANNEL, personByIdOrName } from "./people.ts";

const openSchema = z.looseObject({ channel: z.looseObject({ id: z.string() }) });

/** The direct messages between each person and the app. */
export class Conversations {
  readonly #slack: EmulatedSlack;
  readonly #direct = new Map<string, string>();

  constructor(slack: EmulatedSlack) {
    this.#slack = slack;
  }

  /** The id of the conversation of the person (id or short name) with the app; opened when there is none. */
  async direct(user: string): Promise<string> {
    const id = personByIdOrName(user)?.id ?? user;
    const known = this.#direct.get(id);
    if (known) return known;
    const answer = openSchema.parse(await this.#slack.call("conversations.open", { users: id }));
    this.#direct.set(id, answer.channel.id);
    return answer.channel.id;
  }

  /** A channel's id as it is, a person's name or id as the conversation with the app. */
  async resolve(word: string): Promise<string> {
    return personByIdOrName(word) ? this.direct(word) : word;
  }

  nameOf(channel: string): string {
    return channel === CHANNEL.id ? CHANNEL.name : "directmessage";
  }

  /** Whose direct conversation it is; undefined for the channel. */
  personOf(channel: string): string | undefined {
    return [...this.#direct].find(([, id]) => id === channel)?.[0];
  }
}
