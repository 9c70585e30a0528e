import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Field, ObjectType } from "../fields.ts";
import { OBJECT_TYPES, requireType } from "../schema.ts";
import type { StoredRecord } from "../state.ts";
import type { Value } from "../values.ts";
import { toAvro } from "./avro.ts";
import { parse, schemaOf } from "./avro-schema.ts";
import { type Shape, toBitmaps } from "./bitmap.ts";
import { toChangeEvents } from "./capture.ts";
import type { ChangeEvent } from "./event.ts";
import { toCometdData, toRelayDetail } from "./json.ts";

const captured = OBJECT_TYPES.filter((type) => type.writable);
const transaction = {
  changeOrigin: "com/salesforce/api/rest/66.0;client=connector-fleet",
  transactionKey: "0000be70-a756-e601-9202-32967602a6be",
  commitTimestamp: 1_745_500_706_000,
  commitNumber: "1745500706683617281",
  commitUser: "005ak00000EpjsfAAB",
};
const capture = { entities: new Set(captured.map(({ name }) => name)), overflowThreshold: 1e6 };

function arbitraryOf(type: string): fc.Arbitrary<Value> {
  const date = fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true });
  if (type === "boolean") return fc.boolean();
  if (type === "int") return fc.integer();
  if (type === "double" || type === "currency")
    return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));
  if (type === "date") return date.map((day) => day.toISOString().slice(0, 10));
  if (type === "datetime") return date.map((day) => day.toISOString());
  return fc.string({ minLength: 1, maxLength: 1200 });
}

/** Records of one object; an account is a business, told by its name, or a person, told by the parts of the name. */
function recordOf(type: ObjectType, isPerson: boolean): fc.Arbitrary<StoredRecord> {
  const isTold = (field: Field) => {
    if (field.hiddenFromEvents || field.type === "address") return false;
    if (type.name !== "Account") return true;
    return isPerson ? field.name !== "Name" : field.compound?.name !== "Name";
  };
  const values = [...type.fields.values()]
    .filter(isTold)
    .map((field): [string, fc.Arbitrary<Value>] => [field.name, fc.oneof(fc.constant(null), arbitraryOf(field.type))]);
  return fc.record({ ...Object.fromEntries(values), IsPersonAccount: fc.constant(isPerson) });
}

const update = fc
  .tuple(fc.constantFrom(...captured.map(({ name }) => name)), fc.boolean())
  .chain(([name, isPerson]) => {
    const type = requireType(name);
    return fc.tuple(fc.constant(name), recordOf(type, isPerson), recordOf(type, isPerson));
  })
  .map(([name, before, after]): ChangeEvent => {
    const change = { type: requireType(name), id: "001", kind: "UPDATE" as const, before, after };
    return toChangeEvents([change], transaction, capture)[0] as ChangeEvent;
  });

/** Names of the fields that the bitmaps name, as the public clients unpack them. */
function unpack(bitmaps: readonly string[], shape: Shape): string[] {
  const named = (bits: string, names: readonly string[]) =>
    names.filter((_name, index) => (BigInt(bits) >> BigInt(index)) & 1n);
  return bitmaps.flatMap((packed) => {
    const [first = "", nested] = packed.split("-");
    if (nested === undefined) return named(first, shape.names);
    const parent = shape.names[Number(first)] ?? "";
    return named(nested, shape.compounds.get(parent) ?? []).map((part) => `${parent}.${part}`);
  });
}

test("packs names as the documentation shows it", () => {
  const shape = {
    names: ["ChangeEventHeader", ...Array.from({ length: 23 }, (_none, index) => `F${index + 1}`)],
    compounds: new Map([["F4", ["FirstName", "LastName"]]]),
  };
  expect(toBitmaps(["F11", "F22"], shape)).toEqual(["0x400800"]);
  expect(toBitmaps(["F1", "F4.FirstName"], shape)).toEqual(["0x02", "4-0x01"]);
  expect(toBitmaps([], shape)).toEqual([]);
  expect(() => toBitmaps(["Nothing"], shape)).toThrow("no field Nothing");
});

test("the schema of an object is the same at every start, and its id is a hash", () => {
  for (const type of captured) {
    const { id, json } = schemaOf(type);
    expect(id).toMatch(/^[\w-]{22}$/);
    expect(JSON.parse(json).namespace).toBe("com.sforce.eventbus");
  }
  expect(new Set(captured.map((type) => schemaOf(type).id)).size).toBe(captured.length);
});

test("Avro and JSON tell the same change", () => {
  fc.assert(
    fc.property(update, (event) => {
      const type = requireType(event.entityName);
      const { payload } = JSON.parse(toRelayDetail(event));
      const { shape, json } = schemaOf(type);
      const { ChangeEventHeader: header, ...fields } = parse(json).fromBuffer(toAvro(event, type));
      expect(Object.keys(fields)).toEqual(shape.names.slice(1));
      expect(unpack(header.changedFields, shape).sort()).toEqual([...event.changedFields].sort());

      const inJson = (name: string) => name.split(".").reduce((at, part) => at?.[part], payload);
      const inAvro = (name: string) => name.split(".").reduce((at, part) => at?.[part], fields);
      expect(unpack(header.nulledFields, shape).sort()).toEqual(
        event.changedFields.filter((name) => inJson(name) === null).sort(),
      );
      for (const name of event.changedFields) {
        const value = inJson(name);
        const kind = type.fields.get(name.toLowerCase())?.type;
        if (kind === "date" || kind === "datetime")
          expect(inAvro(name)).toBe(value === null ? null : BigInt(Date.parse(value)));
        else expect(inAvro(name)).toEqual(value?.diff ?? value);
      }
    }),
    { numRuns: 60 },
  );
});

test("CometD adds schema and position to what the relay sends", () => {
  fc.assert(
    fc.property(update, fc.nat(), (event, replayId) => {
      const { id } = schemaOf(requireType(event.entityName));
      const data = JSON.parse(JSON.stringify(toCometdData(event, replayId, id)));
      expect(data).toEqual({ schema: id, event: { replayId }, ...JSON.parse(toRelayDetail(event)) });
    }),
    { numRuns: 20 },
  );
});

test("a commit number keeps all its digits in both encodings", () => {
  const event: ChangeEvent = {
    transaction,
    sequenceNumber: 1,
    entityName: "Account",
    changeType: "DELETE",
    recordIds: ["001"],
    changedFields: [],
    fields: {},
  };
  const [type] = captured as [ObjectType];
  expect(toRelayDetail(event)).toContain('"commitNumber":1745500706683617281,');
  expect(parse(schemaOf(type).json).fromBuffer(toAvro(event, type)).ChangeEventHeader.commitNumber).toBe(
    1745500706683617281n,
  );
});
