import { idIn } from "../words.ts";

/** The ids that tie a message to its change. */
export interface MessageIds {
  readonly correlationId?: string;
  readonly customerId?: string;
  readonly traceHeader?: string;
  readonly orgId?: string;
  readonly version?: string;
}

/** The ids of a fleet event, as far as a message body holds any; never throws, whatever the body is, and tells no other text. */
export function idsOf(body: string): MessageIds {
  try {
    const { metadata, data } = JSON.parse(body).detail;
    const ids = {
      correlationId: metadata?.correlationId,
      customerId: data?.customerId ?? data?.customer?.customerId,
      traceHeader: metadata?.traceHeader,
      orgId: metadata?.orgId,
      version: data?.version,
    };
    return Object.fromEntries(Object.entries(ids).filter(([, value]) => idIn(value) !== undefined));
  } catch {
    return {};
  }
}
