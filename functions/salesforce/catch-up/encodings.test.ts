import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeChange } from "../changes/cdc.ts";
import { COMMIT, header, ORG, relayed } from "../testing.ts";
import { toMessage } from "./message.ts";
import { decodeReceived } from "./received.ts";
import { ACCOUNT_SCHEMA, partsOf, toAvro } from "./testing/schemas.ts";

const SCHEMA = JSON.stringify(ACCOUNT_SCHEMA);

/** What one field of a change may be. */
const leafOf = (value: fc.Arbitrary<unknown>) =>
  fc.oneof(
    fc.constant({ kind: "same" as const }),
    fc.constant({ kind: "null" as const }),
    value.map((v) => ({ kind: "set" as const, value: v })),
  );
const texts = leafOf(fc.string({ minLength: 1, maxLength: 20 }));
const simple = {
  Phone: texts,
  AnnualRevenue: leafOf(fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n))),
  NumberOfEmployees: leafOf(fc.integer()),
  Is_Key__c: leafOf(fc.boolean()),
  Custom_3__c: texts,
  Custom_69__c: texts,
  LastModifiedDate: leafOf(fc.integer({ min: 0, max: COMMIT })),
};
const compounds = {
  Name: fc.record({ Salutation: texts, FirstName: texts, LastName: texts }),
  BillingAddress: fc.record({
    Street: texts,
    City: texts,
    Latitude: leafOf(fc.double({ min: -90, max: 90, noNaN: true })),
  }),
};
type Leaf = { readonly kind: string; readonly value?: unknown };

/** A change in both encodings, from the same choice of values. */
function bothWays(
  fields: Record<string, Leaf>,
  parts: Record<string, Record<string, Leaf>>,
  rest: Record<string, unknown>,
  diff: boolean,
) {
  const ofType = (kind: string) => [
    ...Object.entries(fields).flatMap(([name, leaf]) => (leaf.kind === kind ? [name] : [])),
    ...Object.entries(parts).flatMap(([name, leaves]) =>
      partsOf(name).flatMap((part) => (leaves[part]?.kind === kind ? [`${name}.${part}`] : [])),
    ),
  ];
  const isUpdate = rest.changeType === "UPDATE";
  const [set, nulled] = [ofType("set"), isUpdate ? ofType("null") : []];
  const order = [
    ...Object.keys(fields),
    ...Object.entries(parts).flatMap(([name]) => partsOf(name).map((part) => `${name}.${part}`)),
  ];
  const schemaOrder = ACCOUNT_SCHEMA.fields.map(({ name }) => name);
  const changedFields = isUpdate
    ? [...set, ...nulled, ...(diff ? ["Description"] : [])].toSorted(
        (a, b) =>
          Number(a.includes(".")) - Number(b.includes(".")) ||
          schemaOrder.indexOf(a.split(".")[0] ?? "") - schemaOrder.indexOf(b.split(".")[0] ?? "") ||
          order.indexOf(a) - order.indexOf(b),
      )
    : [];
  const values = (leaves: Record<string, Leaf>, empty: boolean) =>
    Object.fromEntries(
      Object.entries(leaves).flatMap(([name, { kind, value }]) =>
        kind === "set" ? [[name, value]] : kind === "null" && empty ? [[name, null]] : [],
      ),
    );
  const compound = (empty: boolean) =>
    Object.entries(parts).flatMap(([name, leaves]) => {
      const members = values(leaves, empty);
      return Object.keys(members).length > 0 ? [[name, members] as const] : [];
    });
  const text = "--- \n+++ 0a1b";
  const json = {
    ChangeEventHeader: { ...header({ ...rest, changedFields }), commitNumber: "COMMIT" },
    ...values(fields, isUpdate),
    ...Object.fromEntries(compound(isUpdate)),
    ...(diff ? { Description: { diff: text } } : {}),
  };
  const payload = toAvro({
    header: header({ ...rest, changedFields }),
    fields: {
      ...values(fields, false),
      ...Object.fromEntries(compound(false)),
      ...(diff ? { Description: text } : {}),
    },
    nulled,
    diffed: diff ? ["Description"] : [],
  });
  return { json, payload };
}

test("every change decodes to the same, whether it came as Avro or as the relay's JSON", async () => {
  const rest = fc.record({
    changeType: fc.constantFrom("CREATE", "UPDATE", "UNDELETE", "DELETE", "GAP_UPDATE", "GAP_OVERFLOW"),
    changeOrigin: fc.constantFrom("", "com/salesforce/api/rest/67.0;client=x"),
    sequenceNumber: fc.integer({ min: 1, max: 100_000 }),
    commitTimestamp: fc.integer({ min: 0, max: COMMIT * 2 }),
    commitNumber: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.record(simple),
      fc.record(compounds),
      rest,
      fc.boolean(),
      async (fields, parts, change, diff) => {
        const hasBody = ["CREATE", "UPDATE", "UNDELETE"].includes(change.changeType);
        const isDiff = diff && change.changeType === "UPDATE";
        const { json, payload } = bothWays(hasBody ? fields : {}, hasBody ? parts : {}, change, isDiff);
        const text = JSON.stringify(json).replace('"COMMIT"', () => String(change.commitNumber));
        const relay = relayed({}, { detail: "PAYLOAD" }).replace('"PAYLOAD"', () => `{"payload":${text}}`);
        const { id } = JSON.parse(relay);
        const event = { event: { id, schemaId: "s", payload }, replayId: Buffer.alloc(8) };
        const received = await decodeReceived(event, new Map(), async () => SCHEMA, COMMIT);
        expect(decodeChange(toMessage(ORG, received))).toEqual({ ...decodeChange(relay), isCaughtUp: true });
      },
    ),
    { numRuns: 300 },
  );
});
