import { AwsError } from "../kernel/errors.ts";
import type { Service, WireRequest, WireResponse } from "../kernel/service.ts";
import { type Credential, type Exchange, faultSide, statusOf } from "./protocol.ts";

const XML_TYPE = { "content-type": "text/xml" };

/** Parts of the name of a parameter. */
const MAX_DEPTH = 100;

type Nested = { [key: string]: Nested | string };

/**
 * A call of the awsQuery protocol: a form with `Action=…`, answered in XML.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
export function queryExchange(
  services: readonly Service[],
  request: WireRequest,
  credential: Credential | undefined,
): Exchange | undefined {
  const form = formOf(request);
  const action = form.get("Action");
  if (!action) return undefined;
  const service = credential
    ? services.find(({ name }) => name === credential.service)
    : services.find(({ wire, operations }) => wire.kind === "query" && Object.hasOwn(operations, action));
  const xmlns = service?.wire.kind === "query" ? service.wire.xmlns : "https://aws.amazon.com/";
  return {
    service: service?.name ?? credential?.service ?? "query",
    operation: action,
    input: () => {
      if (service?.wire.kind === "query") return formInput(form);
      throw new AwsError(
        "InvalidAction",
        `The twin speaks only the JSON protocol to ${credential?.service ?? "this service"}; use a current SDK for ${action}.`,
      );
    },
    answer: (output, requestId) => success(action, xmlns, output, requestId),
    fail: (error, requestId) => failure(xmlns, error, requestId),
  };
}

function formOf(request: WireRequest): URLSearchParams {
  const type = request.headers["content-type"] ?? "";
  if (request.method === "POST" && type.includes("x-www-form-urlencoded"))
    return new URLSearchParams(request.body.toString("utf8"));
  return request.query;
}

/** `Tags.member.1.Key=a` becomes `{ Tags: [{ Key: "a" }] }`. */
export function formInput(form: URLSearchParams): unknown {
  const root: Nested = Object.create(null);
  for (const [name, value] of form) {
    if (name === "Action" || name === "Version" || name.startsWith("X-Amz-")) continue;
    const path = name.split(".");
    if (path.length > MAX_DEPTH) throw new AwsError("MalformedQueryString", "A parameter has too many parts.");
    const last = path.pop() ?? "";
    let at = root;
    for (const part of path) {
      const next: Nested = typeof at[part] === "object" ? at[part] : Object.create(null);
      at[part] = next;
      at = next;
    }
    at[last] = value;
  }
  return lists(root);
}

function lists(value: Nested | string | undefined): unknown {
  if (typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "member") return lists(value.member);
  if (keys.length > 0 && keys.every((key) => /^\d+$/.test(key)))
    return keys.sort((a, b) => Number(a) - Number(b)).map((key) => lists(value[key]));
  return Object.fromEntries(keys.map((key) => [key, lists(value[key])]));
}

function success(action: string, xmlns: string, output: unknown, requestId: string): WireResponse {
  const result = xml(`${action}Result`, output ?? {});
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return {
    status: 200,
    headers: XML_TYPE,
    body: `<${action}Response xmlns="${xmlns}">${result}${metadata}</${action}Response>`,
  };
}

function failure(xmlns: string, error: AwsError, requestId: string): WireResponse {
  const code = error.code === "UnknownOperationException" ? "InvalidAction" : (error.queryCode ?? error.code);
  const detail = xml("Error", { Type: faultSide(error), Code: code, Message: error.message });
  return {
    status: statusOf(error),
    headers: XML_TYPE,
    body: `<ErrorResponse xmlns="${xmlns}">${detail}<RequestId>${requestId}</RequestId></ErrorResponse>`,
  };
}

function xml(name: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return `<${name}>${value.map((item) => xml("member", item)).join("")}</${name}>`;
  if (typeof value === "object") {
    const members = Object.entries(value).map(([key, member]) => xml(key, member));
    return `<${name}>${members.join("")}</${name}>`;
  }
  return `<${name}>${escapeXml(String(value))}</${name}>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);
}
