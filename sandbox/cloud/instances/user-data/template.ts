/** The header that makes cloud-init render user data as a Jinja template before anything else reads it. */
const HEADER = /^##\s*template:\s*jinja\s*$/i;
const EXPRESSION = /\{\{-?\s*([^{}]*?)\s*-?\}\}/g;

export type Rendered =
  | { readonly ok: true; readonly text: string; readonly missing: readonly string[] }
  | { readonly ok: false; readonly problem: string };

export interface InstanceData {
  readonly instanceId: string;
  readonly address: string;
}

/** The variables of cloud-init's instance data that a machine here can know. */
function variables(data: InstanceData): Map<string, string> {
  const values: Record<string, string> = {
    "v1.instance_id": data.instanceId,
    "v1.instance-id": data.instanceId,
    instance_id: data.instanceId,
    "ds.meta_data.instance_id": data.instanceId,
    "ds.meta_data.instance-id": data.instanceId,
    'ds.meta_data["instance-id"]': data.instanceId,
    "ds.meta_data['instance-id']": data.instanceId,
    "v1.cloud_name": "aws",
    cloud_name: "aws",
    "ds.meta_data.local_ipv4": data.address,
    "ds.meta_data.public_ipv4": data.address,
    "v1.local_hostname": data.instanceId,
  };
  return new Map(Object.entries(values));
}

/**
 * Renders `## template: jinja` user data: plain variables only. An unknown one becomes
 * `CI_MISSING_JINJA_VAR/name`, as cloud-init itself writes; statements (`{% … %}`) and filters are a problem
 * that is reported.
 */
export function renderTemplate(userData: string, data: InstanceData): Rendered {
  const [first = "", ...rest] = userData.split("\n");
  if (!HEADER.test(first.trim())) return { ok: true, text: userData, missing: [] };
  const body = rest.join("\n");
  if (/\{%/.test(body)) return { ok: false, problem: "Jinja statements ({% … %}) are not interpreted here" };
  const known = variables(data);
  const missing: string[] = [];
  const text = body.replace(/\{#[\s\S]*?#\}/g, "").replace(EXPRESSION, (_whole, name: string) => {
    const value = known.get(name);
    if (value !== undefined) return value;
    missing.push(name);
    return `CI_MISSING_JINJA_VAR/${name}`;
  });
  return { ok: true, text, missing };
}
