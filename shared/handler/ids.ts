import { idIn } from "../words.ts";

/** The ids that tie a message to its change. */
export interface MessageIds {
  readonly correlationId?: string;
  readonly customerId?: string;
  readonly traceHeader?: string;
  readonly orgId?: string;
  readonly version?: string;
}

/** Ids of accounts begin with it. https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm */
const ACCOUNT_ID = /^001(?:[a-zA-Z0-9]{12}|[a-zA-Z0-9]{15})$/;

/**
 * The ids of a fleet event, as far as a message body holds any, or the account that a change event of Salesforce is
 * about; never throws, whatever the body is, and tells no other text.
 */
export function idsOf(body: string): MessageIds {
  try {
    const { detail } = JSON.parse(body);
    const { metadata, data } = detail;
    const ids = {
      correlationId: metadata?.correlationId,
      customerId: data?.customerId ?? data?.customer?.customerId ?? changedAccountOf(detail),
      traceHeader: metadata?.traceHeader,
      orgId: metadata?.orgId,
      version: data?.version,
    };
    return Object.fromEntries(Object.entries(ids).filter(([, value]) => idIn(value) !== undefined));
  } catch {
    return {};
  }
}

/** The one account that a raw change names, as Event Relay (`payload` inside) or AppFlow (flat) brings it. */
function changedAccountOf(detail: { payload?: unknown; ChangeEventHeader?: unknown }): string | undefined {
  const record = (detail.payload ?? detail) as { ChangeEventHeader?: { entityName?: unknown; recordIds?: unknown } };
  const { entityName, recordIds } = record.ChangeEventHeader ?? {};
  if (entityName !== "Account" || !Array.isArray(recordIds)) return undefined;
  const [id, ...others] = new Set(recordIds);
  return typeof id === "string" && others.length === 0 && ACCOUNT_ID.test(id) ? id : undefined;
}
