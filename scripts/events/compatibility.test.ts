import { describe, expect, test } from "@jest/globals";
import { breakingChanges, type Schema } from "./compatibility.ts";

const published: Schema = {
  type: "object",
  properties: {
    id: { type: "string" },
    note: { type: "string" },
    email: { anyOf: [{ type: "string" }, { type: "null" }] },
  },
  required: ["id"],
};

function changed(properties: Record<string, Schema | undefined>, required = ["id"]): Schema {
  const all = { ...published.properties, ...properties };
  const kept = Object.entries(all).filter((entry): entry is [string, Schema] => entry[1] !== undefined);
  return { ...published, properties: Object.fromEntries(kept), required };
}

describe("breakingChanges", () => {
  test.each<[string, Schema, string[]]>([
    ["nothing changed", published, []],
    ["a new optional member", changed({ extra: { type: "number" } }), []],
    ["a removed member", changed({ note: undefined }), ["detail.note: removed"]],
    ["another type", changed({ note: { type: "number" } }), ["detail.note: 'type' changed"]],
    ["a newly required member", changed({}, ["id", "note"]), ["detail.note: newly required"]],
    ["a member no longer required", changed({}, []), ["detail.id: no longer required"]],
    [
      "null no longer allowed",
      changed({ email: { type: "string" } }),
      ["detail.email: 'type' changed", "detail.email: the alternatives changed"],
    ],
  ])("%s", (_title, current, expected) => {
    expect(breakingChanges(published, current)).toEqual(expected);
  });
});
