import { type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator, SalesforceOptions } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";
import { encodeReplayId } from "./subscription.ts";
import { TestSubscriber, tokenOf } from "./testing.ts";

// https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
const ACCOUNTS = "/data/AccountChangeEvent";
const CODE = "sfdc.platform.eventbus.grpc.";
let org: SalesforceEmulator;
let conn: Connection;
let subscriber: TestSubscriber;

const start = async (options: Partial<SalesforceOptions> = {}) => {
  org = await startTestOrg(options);
  conn = await connect(org);
  subscriber = new TestSubscriber(org, await tokenOf(org));
};
const stop = async () => {
  subscriber.close();
  await org.stop();
};
const restart = async (options: Partial<SalesforceOptions>) => {
  await stop();
  await start(options);
};
beforeEach(() => start());
afterEach(stop);

const create = async (Name: string) => String((await conn.sobject("Account").create({ Name })).id);
const names = (events: { payload: Record<string, unknown> }[]) => events.map(({ payload }) => payload.Name);
const reasonOf = (error: ServiceError | null) => [error?.code, error?.metadata.get("error-code")[0]];
const subscribe = (more: object = {}) => subscriber.subscribe({ topic_name: ACCOUNTS, num_requested: 100, ...more });
const from = (replayId: number) => ({ replay_preset: "CUSTOM" as const, replay_id: encodeReplayId(replayId) });
const EARLIEST = { replay_preset: "EARLIEST" as const };

describe("events", () => {
  test("carry every field of the schema, null when unchanged, and bitmaps that tell cleared fields apart", async () => {
    const id = await create("Acme");
    await conn
      .sobject("Account")
      .update({ Id: id, Phone: "1", BillingCity: "Springfield", Sync_Time__c: "2026-11-22T10:00:00Z" });
    await conn.sobject("Account").update({ Id: id, Phone: null, BillingCity: null });
    const [, second, third] = await subscribe(EARLIEST).events(3);
    expect(second?.payload).toMatchObject({
      Phone: "1",
      Name: null,
      Website: null,
      BillingAddress: { City: "Springfield", Street: null },
      Sync_Time__c: BigInt(Date.parse("2026-11-22T10:00:00Z")),
    });
    expect(third?.payload).toMatchObject({ Phone: null, BillingAddress: { City: null } });
    const header = third?.payload.ChangeEventHeader;
    expect(header).toMatchObject({ entityName: "Account", changeType: "UPDATE", recordIds: [id], diffFields: [] });
    expect(header?.nulledFields).toEqual([expect.stringMatching(/^0x[0-9A-F]+$/), expect.stringMatching(/^\d+-0x02$/)]);
    expect(String(header?.commitNumber)).toHaveLength(19);
  });

  test("of several objects come on one topic in the order of the bus, each with its schema", async () => {
    await create("A");
    await conn.sobject("Contact").create({ LastName: "B" });
    const events = await subscriber
      .subscribe({ topic_name: "/data/ChangeEvents", num_requested: 2, ...EARLIEST })
      .events(2);
    expect(events.map(({ payload }) => payload.ChangeEventHeader.entityName)).toEqual(["Account", "Contact"]);
    expect(new Set(events.map(({ schemaId }) => schemaId)).size).toBe(2);
    expect(events[1]?.payload.Name).toMatchObject({ LastName: "B" });
    const topic = await subscriber.call("GetTopic", { topic_name: ACCOUNTS });
    expect(topic).toMatchObject({ can_subscribe: true, can_publish: false, schema_id: events[0]?.schemaId });
  });

  test("come only as many as were asked for, over any number of requests", async () => {
    for (const name of ["1", "2", "3"]) await create(name);
    const stream = subscribe({ ...EARLIEST, num_requested: 2 });
    expect(names(await stream.events(2))).toEqual(["1", "2"]);
    expect(stream.responses.at(-1)?.pending_num_requested).toBe(0);
    stream.request(5);
    expect(names(await stream.events(3))).toEqual(["1", "2", "3"]);
    expect(stream.responses.at(-1)?.pending_num_requested).toBe(4);
    await create("4");
    expect(names(await stream.events(4))).toContain("4");
  });

  test("start after a stored replay id of eight bytes, and by default with new ones only", async () => {
    await restart({ pubSubTimes: { keepaliveMs: 20 } });
    for (const name of ["1", "2", "3"]) await create(name);
    const [first] = await subscribe(EARLIEST).events(3);
    expect(names(await subscribe(from(first?.replayId ?? 0)).events(2))).toEqual(["2", "3"]);
    await conn.sobject("Contact").create({ LastName: "old" });
    const latest = subscribe({ topic_name: "/data/ContactChangeEvent" });
    await latest.until(() => latest.responses.length > 0);
    await conn.sobject("Contact").create({ LastName: "new" });
    expect((await latest.events(1)).map(({ payload }) => payload.Name)).toEqual([
      expect.objectContaining({ LastName: "new" }),
    ]);
  });
});

describe("positions", () => {
  test("of the signs of life can be resumed from, and move on without events", async () => {
    await restart({ pubSubTimes: { keepaliveMs: 20 } });
    const idle = subscriber.subscribe({ topic_name: "/data/ContactChangeEvent", num_requested: 1 });
    await create("other");
    await idle.until(() => idle.responses.length > 0);
    const [{ events, latest_replay_id } = { events: [], latest_replay_id: Buffer.alloc(0) }] = idle.responses;
    expect([events, latest_replay_id.length]).toEqual([[], 8]);
    await create("after");
    const resumed = subscribe({ replay_preset: "CUSTOM", replay_id: latest_replay_id });
    expect(names(await resumed.events(1))).toContain("after");
  });

  test.each([
    ["that nobody has had", encodeReplayId(1), "replayid.corrupted"],
    ["that are cut short", Buffer.from([1, 2, 3]), "replayid.corrupted"],
    ["that are missing", Buffer.alloc(0), "replayid.validation.failed"],
  ])("%s are refused", async (_which, replay_id, reason) => {
    await create("A");
    const { ended } = subscribe({ replay_preset: "CUSTOM", replay_id });
    expect(reasonOf(await ended)).toEqual([status.INVALID_ARGUMENT, `${CODE}subscription.fetch.${reason}`]);
  });

  test("are refused after 72 hours, and after the org has moved", async () => {
    const stored = async (name: string) => {
      await create(name);
      return (await subscribe(EARLIEST).events(1)).at(-1)?.replayId ?? 0;
    };
    const old = await stored("old");
    await control(org.url, "POST", "clock", { advanceMs: 72 * 3600 * 1000 + 1000 });
    conn = await connect(org);
    subscriber.close();
    subscriber = new TestSubscriber(org, await tokenOf(org));
    expect(reasonOf(await subscribe(from(old)).ended)[1]).toBe(`${CODE}subscription.fetch.replayid.corrupted`);

    const kept = await stored("kept");
    const open = subscribe(EARLIEST);
    await open.events(1);
    await control(org.url, "POST", "replay/invalidate");
    expect((await open.ended)?.code).toBe(status.UNAVAILABLE);
    expect(reasonOf(await subscribe(from(kept)).ended)[0]).toBe(status.INVALID_ARGUMENT);
    expect(names(await subscribe(EARLIEST).events(1))).toEqual(["kept"]);
  });
});

describe("streams end", () => {
  test("when the client asks for no more within the time, and well", async () => {
    await restart({ pubSubTimes: { nextFetchMs: 20 } });
    await create("A");
    const stream = subscribe({ ...EARLIEST, num_requested: 1 });
    expect(names(await stream.events(1))).toEqual(["A"]);
    expect(await stream.ended).toBeNull();
  });

  test.each([
    ["an unknown topic", { topic_name: "/data/Nothing" }, status.NOT_FOUND, "topic.not.found"],
    [
      "a request for nothing",
      { num_requested: 0 },
      status.INVALID_ARGUMENT,
      "subscription.fetch.requested.events.invalid",
    ],
  ])("at %s", async (_what, request, code, reason) => {
    expect(reasonOf(await subscribe(request).ended)).toEqual([code, `${CODE}${reason}`]);
  });

  test("at another topic on the same stream", async () => {
    const stream = subscribe();
    stream.request(1, { topic_name: "/data/ContactChangeEvent" });
    expect(reasonOf(await stream.ended)[1]).toBe(`${CODE}subscription.fetch.topic.mismatch`);
  });

  test("when the org begins anew", async () => {
    await create("A");
    const stream = subscribe(EARLIEST);
    await stream.events(1);
    await org.reset();
    expect((await stream.ended)?.code).toBe(status.UNAVAILABLE);
  });

  test("when the day's allocation is used up, which the relay and all streams share", async () => {
    await control(org.url, "POST", "limits", { deliveries: { max: 1 } });
    for (const name of ["1", "2"]) await create(name);
    const stream = subscribe({ ...EARLIEST, num_requested: 1 });
    await stream.events(1);
    stream.request(1);
    expect(reasonOf(await stream.ended)).toEqual([status.RESOURCE_EXHAUSTED, `${CODE}subscription.limit.exceeded`]);
  });
});

describe("callers", () => {
  test.each([
    ["a token that is none", { accesstoken: "no" }, "service.auth.error"],
    ["another org", { tenantid: "00D000000000062EAA" }, "service.auth.error"],
    ["no address", { instanceurl: "x" }, "service.auth.headers.invalid"],
  ])("with %s are refused", async (_what, headers, reason) => {
    const stranger = new TestSubscriber(org, "x", { accesstoken: await tokenOf(org), ...headers });
    const { ended } = stranger.subscribe({ topic_name: ACCOUNTS, num_requested: 1 });
    expect(reasonOf(await ended)).toEqual([status.UNAUTHENTICATED, `${CODE}${reason}`]);
    await expect(stranger.call("GetTopic", { topic_name: ACCOUNTS })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    stranger.close();
  });

  test("whose session ends keep their stream and cannot open another", async () => {
    const open = subscribe(EARLIEST);
    await create("1");
    await open.events(1);
    await control(org.url, "POST", "tokens/expire");
    conn = await connect(org);
    await create("2");
    expect(names(await open.events(2))).toEqual(["1", "2"]);
    expect((await subscribe().ended)?.code).toBe(status.UNAUTHENTICATED);
  });

  test("who publish are told that they may not", async () => {
    await expect(subscriber.call("Publish", { topic_name: ACCOUNTS })).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
  });
});

describe("faults", () => {
  const arm = (fault: object) => control(org.url, "POST", "pubsub-faults", fault);

  test.each([
    [
      "fail",
      { kind: "fail", code: "RESOURCE_EXHAUSTED", errorCode: "subscription.internal.error" },
      status.RESOURCE_EXHAUSTED,
    ],
    ["unavailable", { kind: "unavailable" }, status.INTERNAL],
    ["cut", { kind: "cut" }, status.UNAVAILABLE],
  ])("%s ends the next stream after some events, and no other", async (_kind, fault, code) => {
    for (const name of ["1", "2"]) await create(name);
    await subscribe(EARLIEST).events(2);
    await arm({ ...fault, afterEvents: 1 });
    const stream = subscribe(EARLIEST);
    expect(names(await stream.events(1))).toEqual(["1"]);
    expect((await stream.ended)?.code).toBe(code);
    expect(names(await subscribe(EARLIEST).events(2))).toEqual(["1", "2"]);
  });

  test("duplicate sends each event twice", async () => {
    await create("1");
    await arm({ kind: "duplicate" });
    expect(names(await subscribe(EARLIEST).events(2))).toEqual(["1", "1"]);
  });
});
