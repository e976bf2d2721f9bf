import { z } from "zod";
import type { SlackAsker } from "../roles.ts";

/** Who pressed a button or sent a form, as both kinds of payload have it. */
export const interactor = {
  user: z.object({
    id: z.string().min(1),
    team_id: z.string().optional(),
    username: z.string().optional(),
    name: z.string().optional(),
  }),
  team: z.object({ id: z.string() }).nullish(),
} as const;
const interactorSchema = z.object(interactor);

export function askerOf({ user, team }: z.infer<typeof interactorSchema>): SlackAsker {
  return {
    userId: user.id,
    teamId: user.team_id ?? team?.id ?? "",
    userName: user.username ?? user.name ?? user.id,
  };
}
