import type { ServiceId } from "../schema/service.ts";
import type { Cloud } from "../state/cloud.ts";
import type { Region } from "../state/region.ts";

/** What an action knows besides its input. */
export interface CallContext {
  readonly cloud: Cloud;
  readonly region: Region;
  readonly now: number;
  readonly requestId: string;
  readonly caller: { readonly arn: string; readonly userId: string };
}

/** Input and output are the SDK's own types; both are checked against its schemas around the call. */
export type Action<Input, Output extends object> = (
  input: Input,
  context: CallContext,
) => Output | Promise<Output>;

/** Any action: the table's caller has checked the input's shape. */
export type AnyAction = Action<never, object>;
export type ActionTable = Readonly<Record<string, AnyAction>>;
export type ActionTables = Readonly<Record<ServiceId, ActionTable>>;
