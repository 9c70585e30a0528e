type Members = Readonly<Record<string, unknown>>;

/** The part of a change's header that says which values it carries. */
export interface ValueHeader {
  readonly changeType: string;
  readonly changedFields: readonly string[];
  /** Fields that were cleared; the Pub/Sub API's way to tell, where an event in JSON has `null`. */
  readonly nulledFields: readonly string[];
  /** Fields that carry a text diff instead of their value. */
  readonly diffFields: readonly string[];
}

/**
 * The values that a change set, by field name with the parts of compound fields apart: `Phone`, `BillingAddress.Street`.
 * The same for both encodings of an event: unchanged members are left out whether they are absent or `null`. Without
 * what travels as a text diff. Dates stay as the feed writes them: ISO 8601, or epoch milliseconds.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_body.htm
 */
export function changedValuesOf(record: Members, header: ValueHeader): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const put = (name: string, value: unknown) => {
    if (!header.diffFields.includes(name)) for (const [leaf, one] of leaves(name, value)) values.set(leaf, one);
  };
  if (header.changeType === "CREATE" || header.changeType === "UNDELETE") {
    for (const [name, value] of Object.entries(record)) if (name !== "ChangeEventHeader") put(name, value);
    return new Map([...values].filter(([, value]) => value !== null));
  }
  if (header.changeType !== "UPDATE") return values;
  for (const name of header.changedFields) put(name, valueAt(record, name.split(".")));
  for (const name of header.nulledFields) values.set(name, null);
  return values;
}

/** The value at a path; a compound that is `null` has parts that are, one that is absent has none. */
function valueAt(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const step of path) {
    if (value === null) return null;
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

function leaves(name: string, value: unknown): [string, unknown][] {
  if (value === undefined || isDiff(value)) return [];
  if (!isObject(value)) return [[name, value]];
  return Object.entries(value).flatMap(([part, one]) => leaves(`${name}.${part}`, one));
}

/** `{"diff": "--- \n+++ <hash>\n@@ …"}` stands for a long text that changed. */
function isDiff(value: unknown): boolean {
  return isObject(value) && typeof value.diff === "string" && Object.keys(value).length === 1;
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
