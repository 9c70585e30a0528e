import { describe, expect, test } from "@jest/globals";
import { type Answer, type SeenRequest, serve } from "#shared/testing/server.ts";
import { runFleet } from "../testing.ts";

const TRACE = "1-5759e988-000000000000000000000001";
const HEADER = `Root=${TRACE};Parent=53995c3f42cd8ad8;Sampled=1`;
const ACCOUNT = "0015f00002J9YaUAAV";
const PARKED = "0123456789abcdef0123456789abcdef";
const EXPRESS = "arn:aws:states:us-east-1:123456789012:express:connector-fleet-local-customer-sync:1:2";
const STANDARD = "arn:aws:states:us-east-1:123456789012:execution:connector-fleet-local-backfill:backfill-1";

/** An AWS whose X-Ray finds one trace for a correlation id or a customer id, and what else a test says. */
function aws(known: string, more: (operation: string, input: Record<string, unknown>) => object | undefined) {
  return ({ url, headers, body }: SeenRequest): Answer => {
    const input = body ? JSON.parse(body) : {};
    if (url === "/TraceSummaries")
      return { body: { TraceSummaries: input.FilterExpression.includes(`"${known}"`) ? [{ Id: TRACE }] : [] } };
    if (url === "/Traces") {
      const Document = JSON.stringify({ id: "a", name: "found", start_time: 1, end_time: 2 });
      return { body: { Traces: [{ Id: TRACE, Segments: [{ Id: "a", Document }] }] } };
    }
    const operation = String(headers["x-amz-target"]).split(".").at(-1) ?? "";
    return { body: more(operation, input) ?? {} };
  };
}

const trace = (id: string, answer: (request: SeenRequest) => Answer) => runFleet(["trace", id], answer);
const nothing = () => undefined;

describe("fleet trace finds a change by", () => {
  test("the short id of its account", async () => {
    const { code, out } = await trace(ACCOUNT.slice(0, 15), aws(ACCOUNT, nothing));
    expect([code, out]).toEqual([0, expect.stringContaining(TRACE)]);
  });

  test("its Stripe customer, which says whose it is", async () => {
    await using stripe = await serve(({ url, headers }) =>
      url === "/v1/customers/cus_1" && headers.authorization === "Bearer rk_1"
        ? { body: { id: "cus_1", metadata: { salesforce_account_id: ACCOUNT } } }
        : { status: 404 },
    );
    const secrets = (operation: string, { SecretId }: Record<string, unknown>) =>
      operation === "GetSecretValue" && SecretId === "connector-fleet/local/stripe"
        ? { SecretString: JSON.stringify({ apiKey: "rk_1", baseUrl: stripe.url }) }
        : undefined;
    expect(await trace("cus_1", aws(ACCOUNT, secrets))).toMatchObject({ code: 0, out: expect.stringContaining(TRACE) });
    const { code, err } = await trace("cus_2", aws(ACCOUNT, secrets));
    expect([code, err]).toEqual([1, "error: no account is known for cus_2: Stripe answered HTTP 404\n"]);
  });

  test.each([
    ["trace", HEADER, "nobody"],
    ["change, when it was not traced further", "none", "correlation-1"],
  ])("its parked work, by that one's %s", async (_what, traceHeader, known) => {
    const text = (S: string) => ({ S });
    const item = {
      ...{ parkedId: text(PARKED), part: { N: "0" }, parts: { N: "1" }, status: text("parked"), input: text("") },
      ...{
        traceHeader: text(traceHeader),
        correlationId: text("correlation-1"),
        parkedAt: text("2026-01-01T00:00:00Z"),
      },
    };
    const answer = aws(known, (operation) => (operation === "Query" ? { Items: [item] } : undefined));
    expect(await trace(PARKED, answer)).toMatchObject({ code: 0, out: expect.stringContaining(TRACE) });
  });

  test("a Standard run, which keeps its trace", async () => {
    const answer = aws("nobody", (operation) =>
      operation === "DescribeExecution" ? { traceHeader: HEADER } : undefined,
    );
    expect(await trace(STANDARD, answer)).toMatchObject({ code: 0, out: expect.stringContaining(TRACE) });
    expect(await trace(STANDARD, aws("nobody", nothing))).toMatchObject({
      code: 1,
      err: `error: the run ${STANDARD} was not traced\n`,
    });
  });

  test("an Express run, of which its starter's log tells", async () => {
    const asked: Record<string, unknown>[] = [];
    const logs = (operation: string, input: Record<string, unknown>) => {
      if (operation !== "FilterLogEvents") return undefined;
      asked.push(input);
      const message = JSON.stringify({
        message: "Run done",
        executionArn: EXPRESS,
        correlationId: "correlation-9",
      });
      return { events: asked.length > 1 ? [{ message }] : [] };
    };
    expect(await trace(EXPRESS, aws("correlation-9", logs))).toMatchObject({ code: 0 });
    expect(asked.map(({ logGroupName, filterPattern }) => [logGroupName, filterPattern])).toEqual(
      ["flows-dispatch", "flows-dispatch-bulk"].map((name) => [
        `/aws/lambda/connector-fleet-local-${name}`,
        `{ $.executionArn = "${EXPRESS}" }`,
      ]),
    );
    const { code, err } = await trace(EXPRESS, aws("nobody", nothing));
    expect([code, err]).toEqual([
      1,
      `error: no log line tells of the run ${EXPRESS}; look further back with --since\n`,
    ]);
  });
});
