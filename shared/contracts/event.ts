import { z } from "zod";
import { metadataSchema } from "./metadata.ts";

/** One kind of event on the fleet bus: its type, its pattern and its JSON Schema all come from this object. */
export interface EventContract<Data extends z.ZodType = z.ZodType, Type extends string = string> {
  /** `<entity>.<past participle>`: EventBridge's `detail-type`. */
  readonly type: Type;
  /** EventBridge's `source`: `fleet.<connector>`. */
  readonly source: string;
  readonly description: string;
  /** The whole `detail`: metadata and data. */
  readonly detail: z.ZodObject<{ metadata: typeof metadataSchema; data: Data }>;
}

export type DetailOf<C extends EventContract> = z.infer<C["detail"]>;

/** Declares an event. Unknown members pass through; missing ones are refused with their path. */
export function defineEvent<Data extends z.ZodType, const Type extends string>(event: {
  type: Type;
  source: string;
  description: string;
  data: Data;
}): EventContract<Data, Type> {
  const { data, ...rest } = event;
  return { ...rest, detail: z.looseObject({ metadata: metadataSchema, data }) as EventContract<Data>["detail"] };
}

/** The EventBridge pattern that selects exactly this event. */
export function patternOf(contract: EventContract): { source: string[]; "detail-type": string[] } {
  return { source: [contract.source], "detail-type": [contract.type] };
}

/** The published JSON Schema (draft 2020-12) of the event's `detail`. */
export function jsonSchemaOf(contract: EventContract): Record<string, unknown> {
  const schema = z.toJSONSchema(contract.detail, { io: "input" });
  return { ...schema, title: contract.type, description: contract.description };
}
