import { describe, expect, test } from "@jest/globals";
import { customerDeleted } from "../contracts/events.ts";
import { version } from "../testing/customers-table.ts";
import { METADATA as metadata } from "../testing/metadata.ts";
import { decodeFleetEvent } from "./delivery.ts";

const data = { customerId: "0015f00002J9YaUAAV", orgId: metadata.orgId, version: version(1) };
const decode = (envelope: object, more: object = {}) =>
  decodeFleetEvent([customerDeleted])(
    JSON.stringify({
      "detail-type": "customer.deleted",
      ...envelope,
      detail: { metadata: { ...metadata, ...more }, data },
    }),
  ).detail;

describe("an event of the bus", () => {
  test("is what was sent", () => {
    expect(decode({})).toEqual({ metadata, data });
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
  test("from an archive says which event it repeats", () => {
    expect(decode({ "replay-name": "yesterday" })).toEqual({ metadata: { ...metadata, replayOf: "event-1" }, data });
  });

  test("that repeats another already goes on saying so", () => {
    expect(decode({ "replay-name": "x" }, { replayOf: "event-0" }).metadata.replayOf).toBe("event-0");
  });
});
