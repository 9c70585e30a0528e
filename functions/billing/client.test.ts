import { describe, expect, test } from "@jest/globals";
import { FleetError } from "#shared/errors.ts";
import { type Answer, serve, type TestServer } from "#shared/testing/server.ts";
import { type Billing, createBilling, STRIPE_API_VERSION } from "./client.ts";

const PARAMS = { name: "Acme", address: "" as const, metadata: { plan: "gold", archived: "" } };

function billingOf({ url }: TestServer, apiKey = "sk_test_1"): Billing {
  return createBilling(async () => ({ apiKey, baseUrl: url }));
}

describe("requests", () => {
  test("create sends the metadata under the key, with the pinned version", async () => {
    await using server = await serve(() => ({ body: { id: "cus_1", object: "customer" } }));
    expect(await billingOf(server).create({ salesforce_account_id: "001" }, "key-1")).toBe("cus_1");
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
    await using server = await serve(() => ({ body: { id: "cus_1", object: "customer" } }));
    await billingOf(server).update("cus_1", PARAMS, "key-2");
    expect(server.requests[0]).toMatchObject({ url: "/v1/customers/cus_1", headers: { "idempotency-key": "key-2" } });
    expect(formOf(server)).toEqual({ name: "Acme", address: "", "metadata[plan]": "gold", "metadata[archived]": "" });
  });

  test("find searches by both ids and answers the oldest", async () => {
    const data = [
      { id: "cus_2", created: 20 },
      { id: "cus_1", created: 10 },
    ];
    await using server = await serve(() => ({ body: { object: "search_result", data, has_more: false } }));
    expect(await billingOf(server).find("00D1", "001A")).toBe("cus_1");
    const url = new URL(server.requests[0]?.url ?? "", server.url);
    expect(url.pathname).toBe("/v1/customers/search");
    expect(url.searchParams.get("query")).toBe(
      "metadata['salesforce_account_id']:'001A' AND metadata['salesforce_org_id']:'00D1'",
    );
  });

  test("find answers undefined when there is none", async () => {
    await using server = await serve(() => ({ body: { object: "search_result", data: [], has_more: false } }));
    expect(await billingOf(server).find("00D1", "001A")).toBeUndefined();
  });

  test("a key that was rolled is read again once", async () => {
    await using server = await serve(({ headers }) =>
      headers.authorization === "Bearer sk_new" ? { body: { id: "cus_1" } } : failure(401, {}),
    );
    const billing = createBilling(async ({ forceFetch }) => ({
      apiKey: forceFetch ? "sk_new" : "sk_old",
      baseUrl: server.url,
    }));
    expect(await billing.create({}, "key")).toBe("cus_1");
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
    [failure(429, { code: "lock_timeout" }), "RateLimitedError", "lock_timeout"],
    [failure(500, { type: "api_error" }), "TransientError", "StripeAPIError"],
    [failure(503, { type: "api_error" }), "TransientError", "StripeAPIError"],
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
    [failure(400, { type: "idempotency_error" }), "RejectedByTargetError", "StripeIdempotencyError"],
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
    expect(rejected.message).toBe("Stripe refused the request: email_invalid, parameter email (request req_7)");
    await using busy = await serve(() => failure(429, { code: "rate_limit" }, { "retry-after": "3" }));
    expect(await failureOf(billingOf(busy))).toMatchObject({ retryAfterSeconds: 3 });
  });

  // The SDK itself tries a closed connection once more; the key makes that harmless.
  test("a connection that is cut is TransientError, and every try has the same key", async () => {
    await using server = await serve(() => "reset");
    expect((await failureOf(billingOf(server))).name).toBe("TransientError");
    expect(server.requests.length).toBeLessThanOrEqual(2);
    expect(new Set(server.requests.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set(["key"]));
  });

  test("an unreachable Stripe is TransientError", async () => {
    const billing = createBilling(async () => ({ apiKey: "sk", baseUrl: "http://127.0.0.1:1" }));
    expect((await failureOf(billing)).name).toBe("TransientError");
  });

  async function failureOf(billing: Billing): Promise<FleetError> {
    const error = await billing.create({ salesforce_account_id: "001" }, "key").catch((failed) => failed);
    if (error instanceof FleetError) return error;
    throw new Error(`expected one of our errors, got ${error}`);
  }
});

function failure(status: number, error: Record<string, string>, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { error: { message: "pay@acme.example is wrong", ...error } } };
}
