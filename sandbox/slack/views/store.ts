import { randomBytes } from "node:crypto";
import type { ViewContent } from "../content/check.ts";
import { withIds } from "../interact/ids.ts";
import { BOT, TEAM } from "../people.ts";

const DEEPEST = 3;

/** A modal or an App Home, as https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload has it. */
export interface View {
  readonly id: string;
  readonly team_id: string;
  readonly type: "modal" | "home";
  readonly blocks: readonly Record<string, unknown>[];
  readonly private_metadata: string;
  readonly callback_id: string;
  readonly external_id: string;
  readonly state: { readonly values: Record<string, Record<string, unknown>> };
  readonly hash: string;
  readonly title: unknown;
  readonly close: unknown;
  readonly submit: unknown;
  readonly clear_on_close: boolean;
  readonly notify_on_close: boolean;
  readonly previous_view_id: string | null;
  readonly root_view_id: string;
  readonly app_id: string;
  readonly bot_id: string;
  readonly app_installed_team_id: string;
}

export type ViewError =
  | "not_found"
  | "hash_conflict"
  | "duplicate_external_id"
  | "push_limit_reached"
  | "view_not_found";

/** The modals that people have open, as stacks, and the App Home of each. */
export class Views {
  readonly #stacks = new Map<string, View[]>();
  readonly #homes = new Map<string, View>();
  #hashes = 0;

  /** The open modals of a person; the last one is on top. */
  openOf(user: string): readonly View[] {
    return this.#stacks.get(user) ?? [];
  }

  home(user: string): View | undefined {
    return this.#homes.get(user);
  }

  /** Whose view it is, and the view. */
  find(id: string): { readonly user: string; readonly view: View } | undefined {
    return this.#search((view) => view.id === id);
  }

  /** In place of whatever the person had open. */
  open(user: string, content: ViewContent): View | ViewError {
    if (this.#isTaken(content.external_id)) return "duplicate_external_id";
    const view = this.#made(content, { id: newId() });
    this.#stacks.set(user, [view]);
    return view;
  }

  push(user: string, onto: string | undefined, content: ViewContent): View | ViewError {
    const stack = this.#stacks.get(user) ?? [];
    const top = stack.find((view) => view.id === onto);
    if (!top) return "view_not_found";
    if (stack.length >= DEEPEST) return "push_limit_reached";
    if (this.#isTaken(content.external_id)) return "duplicate_external_id";
    const parents = { previous_view_id: top.id, root_view_id: top.root_view_id };
    const view = this.#made(content, { id: newId(), ...parents });
    this.#stacks.set(user, [...stack, view]);
    return view;
  }

  update(by: { id?: string; externalId?: string; hash?: string }, content: ViewContent): View | ViewError {
    const found = by.id
      ? this.find(by.id)
      : this.#search((view) => by.externalId !== "" && view.external_id === by.externalId);
    if (!found) return "not_found";
    const { user, view: old } = found;
    if (by.hash && by.hash !== old.hash) return "hash_conflict";
    if (this.#isTaken(content.external_id, old.id)) return "duplicate_external_id";
    const { id, previous_view_id, root_view_id } = old;
    const view = this.#made(content, { id, previous_view_id, root_view_id });
    if (old.type === "home") this.#homes.set(user, view);
    else {
      const stack = this.openOf(user).map((one) => (one.id === id ? view : one));
      this.#stacks.set(user, stack);
    }
    return view;
  }

  publish(user: string, content: ViewContent, hash: string): View | ViewError {
    const old = this.#homes.get(user);
    if (old && hash !== "" && hash !== old.hash) return "hash_conflict";
    const view = this.#made(content, { id: old?.id ?? newId() });
    this.#homes.set(user, view);
    return view;
  }

  /** Closes the one on top, or all. */
  close(user: string, all: boolean): void {
    const stack = this.openOf(user);
    this.#stacks.set(user, all ? [] : stack.slice(0, -1));
  }

  #made(
    content: ViewContent,
    own: { id: string; previous_view_id?: string | null; root_view_id?: string },
  ): View {
    const modal = content.type === "modal" ? content : undefined;
    this.#hashes += 1;
    return {
      id: own.id,
      team_id: TEAM.id,
      type: content.type,
      blocks: withIds(content.blocks),
      private_metadata: content.private_metadata ?? "",
      callback_id: content.callback_id ?? "",
      external_id: content.external_id ?? "",
      state: { values: {} },
      hash: `${Math.floor(Date.now() / 1000)}.${String(this.#hashes).padStart(8, "0")}`,
      title: modal?.title ?? { type: "plain_text", text: "View Title", emoji: true },
      close: modal?.close ?? null,
      submit: modal?.submit ?? null,
      clear_on_close: modal?.clear_on_close ?? false,
      notify_on_close: modal?.notify_on_close ?? false,
      previous_view_id: own.previous_view_id ?? null,
      root_view_id: own.root_view_id ?? own.id,
      app_id: BOT.app,
      bot_id: BOT.bot,
      app_installed_team_id: TEAM.id,
    };
  }

  #isTaken(externalId: string | undefined, except?: string): boolean {
    if (!externalId) return false;
    return this.#search((view) => view.external_id === externalId && view.id !== except) !== undefined;
  }

  #search(matches: (view: View) => boolean): { user: string; view: View } | undefined {
    for (const [user, stack] of this.#stacks) {
      const view = stack.find(matches);
      if (view) return { user, view };
    }
    for (const [user, view] of this.#homes) if (matches(view)) return { user, view };
    return undefined;
  }
}

function newId(): string {
  return `V0${randomBytes(5).toString("hex").toUpperCase()}`;
}
