/**
 * Writes enum-members.json: which members of the structures that this cloud handles take which enum. Run it
 * after an update of the SDK or after adding an action: `node sandbox/cloud/schema/generate-enum-members.ts`.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ACTIONS } from "../actions/index.ts";
import { type EnumMembers, readEnumMembers } from "./enum-reader.ts";
import { loadServiceModels, SERVICE_IDS, type ServiceModel } from "./service.ts";
import type { Shape } from "./shape.ts";

export async function currentEnumMembers(): Promise<Record<string, EnumMembers>> {
  const models = await loadServiceModels();
  const result: Record<string, EnumMembers> = {};
  for (const id of SERVICE_IDS) {
    const structures = reachableStructures(models[id], Object.keys(ACTIONS[id]));
    result[id] = readEnumMembers(models[id].description.packageName, structures);
  }
  return result;
}

function reachableStructures(model: ServiceModel, actions: readonly string[]): Set<string> {
  const names = new Set<string>();
  const seen = new Set<Shape>();
  const visit = (shape: Shape): void => {
    if (seen.has(shape)) return;
    seen.add(shape);
    if (shape.kind === "list") visit(shape.item.shape);
    if (shape.kind === "map") visit(shape.value.shape);
    if (shape.kind !== "structure") return;
    names.add(shape.name);
    for (const member of shape.members.values()) visit(member.shape);
  };
  for (const action of actions) {
    const operation = model.operation(action);
    if (!operation) throw new Error(`${model.description.packageName} publishes no operation ${action}`);
    visit(operation.input);
    visit(operation.output);
  }
  return names;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL("enum-members.json", import.meta.url);
  writeFileSync(file, `${JSON.stringify(await currentEnumMembers(), null, 2)}\n`);
}
