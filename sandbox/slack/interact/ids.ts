type Json = Record<string, unknown>;

/** Blocks with the ids that Slack makes up where an app gave none. */
export function withIds(blocks: unknown): readonly Json[] {
  if (!Array.isArray(blocks)) return [];
  return blocks.map((block: Json, index) => {
    const made: Json = { block_id: `block-${index}`, ...block };
    if (Array.isArray(made.elements) && made.type === "actions") {
      made.elements = made.elements.map((element: Json, at: number) => ({
        action_id: `action-${index}-${at}`,
        ...element,
      }));
    }
    for (const key of ["element", "accessory"]) {
      if (made[key] && typeof made[key] === "object") {
        made[key] = { action_id: `action-${index}-${key}`, ...(made[key] as Json) };
      }
    }
    return made;
  });
}

/** Something that a person can press or fill in, and the block that it stands in. */
export interface Control {
  readonly blockId: string;
  readonly actionId: string;
  readonly element: Json;
  readonly block: Json;
}

/** Every interactive element of blocks that have their ids. */
export function controlsOf(blocks: readonly Json[]): readonly Control[] {
  return blocks.flatMap((block) => {
    const elements =
      block.type === "actions"
        ? (block.elements as Json[])
        : [block.element, block.accessory].filter(Boolean);
    return (elements as Json[]).flatMap((element) =>
      typeof element.action_id === "string"
        ? [{ blockId: String(block.block_id), actionId: element.action_id, element, block }]
        : [],
    );
  });
}
