import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Operation, Service, Wire } from "../kernel/service.ts";
import { testKernel } from "../testing.ts";
import { type Gateway, startGateway } from "./index.ts";
import { formInput } from "./query.ts";
import { matchPath } from "./rest.ts";

// https://smithy.io/2.0/aws/protocols/index.html
const echo: Operation = { access: () => [], run: (input) => ({ echo: input }) };
const fail: Operation = {
  access: () => [],
  run: () => {
    throw new AwsError("TeapotException", 'I am "short" & <stout>', {
      status: 418,
      queryCode: "Old.Teapot",
      body: { Reason: "tea" },
    });
  },
};
const broken: Operation = {
  access: () => [],
  run: () => {
    throw new TypeError("a bug");
  },
};
const service = (name: string, wire: Wire): Service => ({
  name,
  wire,
  operations: { Echo: echo, Fail: fail, Broken: broken },
});

let kernel: Kernel;
let gateway: Gateway;

beforeEach(async () => {
  kernel = testKernel();
  kernel.register(service("events", { kind: "json", version: "1.1", targetPrefix: "AWSEvents." }));
  kernel.register(service("sqs", { kind: "json", version: "1.0", targetPrefix: "AmazonSQS." }));
  kernel.register(service("sts", { kind: "query", xmlns: "https://sts.example/" }));
  kernel.register(
    service("lambda", {
      kind: "rest",
      routes: [
        { method: "POST", path: "/functions/:FunctionName/echo", operation: "Echo" },
        { method: "GET", path: "/fail", operation: "Fail" },
        { method: "GET", path: "/gone", operation: "Missing" },
      ],
    }),
  );
  gateway = await startGateway(kernel);
});

afterEach(() => gateway.close());

const signed = (name: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/${name}/aws4_request, SignedHeaders=host, Signature=0`,
});
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, path = "/") =>
  fetch(`${gateway.origin}${path}`, { method: "POST", headers, body });
const json = (target: string, body = "{}") => post(body, { ...signed("any"), "x-amz-target": target });

describe("JSON protocol", () => {
  test("any JSON object arrives and returns unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (input) => {
        const response = await json("AWSEvents.Echo", JSON.stringify(input));
        expect(response.headers.get("content-type")).toBe("application/x-amz-json-1.1");
        expect(await response.text()).toBe(JSON.stringify({ echo: JSON.parse(JSON.stringify(input)) }));
      }),
      { numRuns: 50 },
    );
  });

  test.each(["null", "1", "true", '"a"', "[]", "[null]", "{"])("a body of %s is not an input", async (body) => {
    const response = await json("AWSEvents.Echo", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: "SerializationException" });
  });

  test("an error has its type, text, further members and status", async () => {
    const response = await json("AWSEvents.Fail");
    expect(response.status).toBe(418);
    expect(response.headers.get("x-amzn-query-error")).toBeNull();
    expect(await response.json()).toEqual({
      __type: "TeapotException",
      message: 'I am "short" & <stout>',
      Reason: "tea",
    });
  });

  test("SQS errors carry their older code in a header", async () => {
    const response = await json("AmazonSQS.Fail");
    expect(response.headers.get("x-amzn-query-error")).toBe("Old.Teapot;Sender");
  });

  test("a bug inside the twin is InternalFailure, the receiver's fault", async () => {
    const response = await json("AmazonSQS.Broken");
    expect(response.status).toBe(500);
    expect(response.headers.get("x-amzn-query-error")).toBe("InternalFailure;Receiver");
  });

  test.each(["AWSEvents.Nope", "Unknown_2020.Echo", "Echo", "AWSEvents.toString"])("%s is unknown", async (target) => {
    const response = await json(target);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: "UnknownOperationException" });
  });

  test("a compressed body is unpacked", async () => {
    const headers = { ...signed("events"), "x-amz-target": "AWSEvents.Echo", "content-encoding": "gzip" };
    const response = await post(new Uint8Array(gzipSync('{"a":1}')), headers);
    expect(await response.json()).toEqual({ echo: { a: 1 } });
  });

  test("an input of more than 100 levels is refused, one of 100 is not", async () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;
    expect((await json("AWSEvents.Echo", nested(100))).status).toBe(200);
    for (const depth of [102, 100_000]) {
      const response = await json("AWSEvents.Echo", nested(depth));
      expect([response.status, await response.json()]).toMatchObject([400, { __type: "SerializationException" }]);
    }
  });

  test("a body beyond 16 MiB is refused", async () => {
    const response = await json("AWSEvents.Echo", JSON.stringify({ a: "x".repeat(16 * 1024 * 1024) }));
    expect(response.status).toBe(413);
  });
});

describe("REST protocol", () => {
  test("path, query and body make the input", async () => {
    const path = "/functions/arn%3Aaws%3Alambda%3Afn/echo?Qualifier=live&tag=a&tag=b";
    const response = await post('{"a":1}', signed("lambda"), path);
    const echoed = { a: 1, Qualifier: "live", tag: ["a", "b"], FunctionName: "arn:aws:lambda:fn" };
    expect(await response.json()).toEqual({ echo: echoed });
  });

  test("an error has its type in a header", async () => {
    const response = await fetch(`${gateway.origin}/fail`, { headers: signed("lambda") });
    expect([response.status, response.headers.get("x-amzn-errortype")]).toEqual([418, "TeapotException"]);
    expect(await response.json()).toMatchObject({ Message: 'I am "short" & <stout>', Reason: "tea", Type: "User" });
  });

  test("a route without its operation, and a path without a route, are unknown", async () => {
    for (const path of ["/gone", "/nowhere"]) {
      const response = await fetch(`${gateway.origin}${path}`, { headers: signed("lambda") });
      expect(response.headers.get("x-amzn-errortype")).toBe("UnknownOperationException");
    }
  });

  test("a segment matches whatever its text, once encoded", () => {
    const segment = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(segment, (name) => {
        expect(matchPath("/a/:Name/b", `/a/${encodeURIComponent(name)}/b`)).toEqual({ Name: name });
      }),
    );
    expect(matchPath("/a/:Name", "/a/b/c")).toBeUndefined();
    expect(matchPath("/a/", "/a")).toEqual({});
  });
});

describe("query protocol", () => {
  const form = (body: string) =>
    post(body, { ...signed("sts"), "content-type": "application/x-www-form-urlencoded; charset=utf-8" });

  test("members and lists are put together, and come back as XML", async () => {
    const response = await form("Action=Echo&Version=1&Name=a%26b&Tags.member.1.Key=k&Tags.member.2.Key=l");
    expect(response.headers.get("content-type")).toBe("text/xml");
    expect(await response.text()).toContain(
      '<EchoResponse xmlns="https://sts.example/"><EchoResult><echo><Name>a&amp;b</Name><Tags><member><Key>k</Key></member><member><Key>l</Key></member></Tags></echo></EchoResult>',
    );
  });

  test("errors are XML", async () => {
    const response = await form("Action=Fail");
    expect(response.status).toBe(418);
    expect(await response.text()).toContain(
      "<Error><Type>Sender</Type><Code>Old.Teapot</Code><Message>I am &quot;short&quot; &amp; &lt;stout&gt;</Message></Error>",
    );
    expect(await (await form("Action=Nope")).text()).toContain("<Code>InvalidAction</Code>");
  });

  test("an old client of a JSON service is told to use a current one", async () => {
    const headers = { ...signed("sqs"), "content-type": "application/x-www-form-urlencoded" };
    const response = await post("Action=SendMessage", headers, "/123456789012/queue");
    expect(await response.text()).toContain("The twin speaks only the JSON protocol to sqs");
  });

  test("lists keep the order of their numbers", () => {
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
    const entries = names.map((name, index): [string, string] => [`Names.member.${index + 1}`, name]).reverse();
    expect(formInput(new URLSearchParams(entries))).toEqual({ Names: names });
  });
});

describe("names of this machine", () => {
  const status = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const call = request(`${gateway.origin}/_twin/health`, { headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on("error", reject).end();
    });

  // The Step Functions client puts `sync-` before the host of synchronous executions.
  test.each([
    ["127.0.0.1:4566", 200],
    ["localhost:4566", 200],
    ["sync-127.0.0.1:4566", 200],
    ["sync-localhost", 200],
    ["states.localhost:1", 200],
    ["twin.example.com", 403],
    ["127.0.0.1.example.com", 403],
  ])("%s is answered with %i", async (host, expected) => {
    expect(await status(host)).toBe(expected);
  });
});

test("closing ends the calls under way", async () => {
  let reason: unknown;
  const waiting = new Promise<void>((started) => {
    const wait: Operation = {
      access: () => [],
      run: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason);
          });
          started();
        }),
    };
    kernel.register({
      ...service("ssm", { kind: "json", version: "1.1", targetPrefix: "AmazonSSM." }),
      operations: { Wait: wait },
    });
  });
  const call = json("AmazonSSM.Wait").catch((cause: Error) => cause.message);
  await waiting;
  await gateway.close();
  expect(await call).toBe("fetch failed");
  expect(reason).toEqual(new Error("The twin is stopping."));
});
