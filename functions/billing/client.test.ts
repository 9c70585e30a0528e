import { describe, expect, test } from "@jest/globals";
import { FleetError } from "#shared/errors.ts";
import { type Gate, ungated } from "#shared/targets/gate.ts";
import { type Answer, serve, type TestServer } from "#shared/testing/server.ts";
import { type Billing, type BillingOptions, createBilling, type Request, STRIPE_API_VERSION } from "./client.ts";
import type { Connect } from "./connection.ts";

const PARAMS = { name: "Acme", address: "" as const, metadata: { plan: "gold", archived: "" } };

const NOW = Date.parse("2026-01-01T00:00:00Z");
const CUSTOMER = { id: "cus_1", object: "customer" };

function billingOf({ url }: Pick<TestServer, "url">, options: Partial<BillingOptions> = {}): Billing {
  return createBilling(async () => ({ apiKey: "sk_test_1", baseUrl: url }), {
    gate: ungated,
    now: () => NOW,
    ...options,
  });
}

function request(idempotencyKey: string, goes = true): Request {
  return { idempotencyKey, before: async () => goes };
}

describe("requests", () => {
  test("create sends the metadata under the key, with the pinned version", async () => {
    await using server = await serve(() => ({ body: CUSTOMER }));
    expect(await billingOf(server).create({ salesforce_account_id: "001" }, request("key-1"))).toBe("cus_1");
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: "POST",
      url: "/v1/customers",
      headers: {
        authorization: "Bearer sk_test_1",
        "idempotency-key": "key-1",
        "stripe-version": STRIPE_API_VERSION,
      },
    });
    expect(formOf(server)).toEqual({ "metadata[salesforce_account_id]": "001" });
  });

  test("update sends empty values, which clear", async () => {
    await using server = await serve(() => ({ body: CUSTOMER }));
    await billingOf(server).update("cus_1", PARAMS, request("key-2"));
    expect(server.requests[0]).toMatchObject({ url: "/v1/customers/cus_1", headers: { "idempotency-key": "key-2" } });
    expect(formOf(server)).toEqual({ name: "Acme", address: "", "metadata[plan]": "gold", "metadata[archived]": "" });
  });

  test("search asks for both ids and tells whose a customer is", async () => {
    const metadata = { salesforce_account_id: "001A", salesforce_org_id: "00D1" };
    const data = [{ id: "cus_2", created: 20, metadata }];
    await using server = await serve(() => ({ body: { object: "search_result", data, has_more: false } }));
    expect(await billingOf(server).search("00D1", "001A")).toEqual([
      { id: "cus_2", createdAt: 20_000, customerId: "001A", orgId: "00D1" },
    ]);
    const url = new URL(server.requests[0]?.url ?? "", server.url);
    expect(url.pathname).toBe("/v1/customers/search");
    expect(url.searchParams.get("query")).toBe(
      "metadata['salesforce_account_id']:'001A' AND metadata['salesforce_org_id']:'00D1'",
    );
  });

  test("list goes from one moment to another, and from page to page", async () => {
    const data = [{ id: "cus_2", created: 20, metadata: {} }];
    await using server = await serve(() => ({ body: { object: "list", data, has_more: true } }));
    const found = { id: "cus_2", createdAt: 20_000, customerId: undefined, orgId: undefined };
    expect(await billingOf(server).list({ from: 1_999, to: 9_001 }, "cus_3")).toEqual({
      customers: [found],
      next: "cus_2",
    });
    const { searchParams } = new URL(server.requests[0]?.url ?? "", server.url);
    expect(Object.fromEntries(searchParams)).toEqual({
      "created[gte]": "1",
      "created[lte]": "10",
      limit: "100",
      starting_after: "cus_3",
    });
  });

  test("a deleted customer is told from a living one", async () => {
    await using server = await serve(({ url }) => ({
      body: { ...CUSTOMER, ...(url.endsWith("cus_dead") ? { deleted: true } : {}) },
    }));
    expect(await billingOf(server).isDeleted("cus_dead")).toBe(true);
    expect(await billingOf(server).isDeleted("cus_1")).toBe(false);
  });

  test("every call goes through the gate under its endpoint's name, and what was held back is never sent", async () => {
    await using server = await serve(({ url }) => ({
      body: url.includes("?") ? { object: "list", data: [], has_more: false } : CUSTOMER,
    }));
    const endpoints: string[] = [];
    const gate: Gate = {
      call: async (endpoint, work) => {
        endpoints.push(endpoint);
        return work();
      },
    };
    const billing = billingOf(server, { gate });
    await billing.create({}, request("a"));
    await billing.update("cus_1", PARAMS, request("b"));
    await billing.isDeleted("cus_1");
    await billing.list({ from: 0 });
    await billing.search("00D1", "001A");
    expect(endpoints).toEqual([
      "POST /v1/customers",
      "POST /v1/customers/:id",
      "GET /v1/customers/:id",
      "GET /v1/customers",
      "GET /v1/customers/search",
    ]);
    expect(server.requests).toHaveLength(5);
    expect(await billing.create({}, request("c", false))).toBeUndefined();
    expect(await billing.update("cus_1", PARAMS, request("d", false))).toBe(false);
    expect(server.requests).toHaveLength(5);
  });

  test("a key that was rolled is read again once", async () => {
    await using server = await serve(({ headers }) =>
      headers.authorization === "Bearer sk_new" ? { body: CUSTOMER } : failure(401, {}),
    );
    const connect: Connect = async ({ forceFetch }) => ({
      apiKey: forceFetch ? "sk_new" : "sk_old",
      baseUrl: server.url,
    });
    const billing = createBilling(connect, { gate: ungated });
    expect(await billing.create({}, request("key"))).toBe("cus_1");
    expect(server.requests).toHaveLength(2);
  });

  function formOf(server: TestServer): Record<string, string> {
    return Object.fromEntries(new URLSearchParams(server.requests[0]?.body));
  }
});

// https://docs.stripe.com/error-handling
describe("failures, each after one request", () => {
  const invalid = { type: "invalid_request_error" };
  test.each([
    [failure(429, { code: "rate_limit" }, { "retry-after": "3" }), "RateLimitedError", "rate_limit"],
    [failure(429, { code: "lock_timeout" }), "TransientError", "lock_timeout"],
    [failure(500, { type: "api_error" }), "TransientError", "api_error"],
    [failure(503, { type: "api_error" }), "TransientError", "api_error"],
    [failure(500, { type: "api_error" }, { "stripe-should-retry": "false" }), "TransientError", "STORED_FAILURE"],
    [failure(500, { type: "api_error" }, { "idempotent-replayed": "true" }), "TransientError", "STORED_FAILURE"],
    [
      failure(409, { type: "idempotency_error", code: "idempotency_key_in_use" }),
      "TransientError",
      "idempotency_key_in_use",
    ],
    [failure(401, invalid), "NotAuthorizedError", undefined],
    [failure(403, { ...invalid, code: "more_permissions_required" }), "NotAuthorizedError", undefined],
    [failure(400, { ...invalid, code: "email_invalid", param: "email" }), "RejectedByTargetError", "email_invalid"],
    [failure(404, { ...invalid, code: "resource_missing", param: "id" }), "RejectedByTargetError", "resource_missing"],
    [failure(400, { type: "idempotency_error" }), "TransientError", "STORED_FAILURE"],
    [{ status: 200, body: "<html>login</html>" }, "TransientError", "unreadable_answer"],
    [{ status: 200, body: '{"id":"cus_1","obj' }, "TransientError", "unreadable_answer"],
    [{ status: 200, body: {} }, "TransientError", "unreadable_answer"],
    [{ status: 200, body: { error: "odd" } }, "TransientError", "unreadable_answer"],
    [{ status: 302, headers: { location: "/elsewhere" }, body: {} }, "TransientError", "unreadable_answer"],
    [{ status: 503, headers: { "retry-after": "120" }, body: "<html>" }, "RateLimitedError", "HTTP_503"],
    [failure(400, { ...invalid, code: "brand_new_code" }), "TransientError", "brand_new_code"],
  ])("%j is %s", async (answer, name, code) => {
    await using server = await serve(() => answer);
    const error = await failureOf(billingOf(server));
    expect(error.name).toBe(name);
    if (code) expect(error.code).toBe(code);
    expect(server.requests).toHaveLength(1);
  });

  test("tells how long to wait, the parameter and the request, never a value", async () => {
    const details = { type: "invalid_request_error", code: "email_invalid", param: "email" };
    await using server = await serve(() => failure(400, details, { "request-id": "req_7" }));
    const rejected = await failureOf(billingOf(server));
    expect(rejected.message).toBe(
      "Stripe refused the request: HTTP 400, email_invalid, parameter email (request req_7)",
    );
    expect(JSON.stringify(rejected.cause)).not.toContain("acme");
  });

  test.each([
    [429, "3", 3],
    [500, "0.5", 0.5],
    [503, "Thu, 01 Jan 2026 00:02:00 GMT", 120],
    [404, "40", 40],
  ])("HTTP %i with Retry-After %s waits %d s", async (status, header, seconds) => {
    await using busy = await serve(() => failure(status, { type: "api_error" }, { "retry-after": header }));
    const error = await failureOf(billingOf(busy));
    expect(error).toMatchObject({ name: "RateLimitedError", retryAfterSeconds: seconds });
  });

  // The SDK itself tries a closed connection once more; the key makes that harmless.
  test("a connection that is cut is TransientError, and every try has the same key", async () => {
    await using server = await serve(() => "reset");
    expect((await failureOf(billingOf(server))).name).toBe("TransientError");
    expect(server.requests.length).toBeLessThanOrEqual(2);
    expect(new Set(server.requests.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set(["key"]));
  });

  test("an unreachable Stripe is TransientError", async () => {
    const billing = billingOf({ url: "http://127.0.0.1:1" });
    expect((await failureOf(billing)).name).toBe("TransientError");
  });

  async function failureOf(billing: Billing): Promise<FleetError> {
    const error = await billing.create({ salesforce_account_id: "001" }, request("key")).catch((failed) => failed);
    if (error instanceof FleetError) return error;
    throw new Error(`expected one of our errors, got ${error}`);
  }
});

function failure(status: number, error: Record<string, string>, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { error: { message: "pay@acme.example is wrong", ...error } } };
}
