import type { Person } from "../../src/engine/types.ts";
import type { Text } from "./text.ts";

/** Who is told that their slot was taken or freed by another; nobody when it was their own. */
export function tellHolder(holder: Person | null, text: Text): readonly { person: Person; text: Text }[] {
  return holder === null ? [] : [{ person: holder, text }];
}
