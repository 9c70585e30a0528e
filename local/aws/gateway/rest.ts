import { AwsError } from "../kernel/errors.ts";
import type { RestRoute, Service, WireRequest, WireResponse } from "../kernel/service.ts";
import { parseJson } from "./json.ts";
import { type Credential, type Exchange, statusOf } from "./protocol.ts";

const JSON_TYPE = { "content-type": "application/json" };

interface Match {
  readonly service: Service;
  readonly route: RestRoute;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * A call of the restJson1 protocol: the service of the credential scope when there is one, otherwise whichever
 * service has the route. https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 */
export function restExchange(
  services: readonly Service[],
  request: WireRequest,
  credential: Credential | undefined,
): Exchange | undefined {
  const rest = services.filter(({ wire }) => wire.kind === "rest");
  const candidates = credential ? rest.filter(({ name }) => name === credential.service) : rest;
  const service = candidates[0];
  if (!service) return undefined;
  const match = findRoute(candidates, request);
  if (!match) return credential ? unknownRoute(service.name, request) : undefined;
  const { route, params } = match;
  return {
    service: match.service.name,
    operation: route.operation,
    input: () => (route.input ? route.input(request, params) : defaultInput(request, params)),
    answer: (output) =>
      route.output
        ? route.output(output, request)
        : { status: 200, headers: JSON_TYPE, body: JSON.stringify(output ?? {}) },
    fail: failure,
  };
}

/** Matches a path against a pattern with `:Name` segments; the values are URL-decoded. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = segments(pattern);
  const given = segments(path);
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = decode(value);
    else if (part !== value) return undefined;
  }
  return params;
}

function findRoute(services: readonly Service[], request: WireRequest): Match | undefined {
  for (const service of services) {
    if (service.wire.kind !== "rest") continue;
    for (const route of service.wire.routes) {
      const params = route.method === request.method ? matchPath(route.path, request.path) : undefined;
      if (params) return { service, route, params };
    }
  }
  return undefined;
}

function unknownRoute(service: string, request: WireRequest): Exchange {
  return {
    service,
    operation: `${request.method} ${request.path}`,
    input: () => {
      throw new AwsError(
        "UnknownOperationException",
        `The twin has no ${service} call ${request.method} ${request.path}.`,
        {
          status: 404,
        },
      );
    },
    answer: () => ({ status: 500 }),
    fail: failure,
  };
}

function defaultInput(request: WireRequest, params: Readonly<Record<string, string>>): unknown {
  return { ...parseJson(request.body), ...queryOf(request.query), ...params };
}

function queryOf(query: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(query.keys())].filter((name) => !name.startsWith("X-Amz-"));
  return Object.fromEntries(
    names.map((name) => {
      const values = query.getAll(name);
      return [name, values.length > 1 ? values : (values[0] ?? "")];
    }),
  );
}

function failure(error: AwsError): WireResponse {
  return {
    status: statusOf(error),
    headers: { ...JSON_TYPE, "x-amzn-errortype": error.code },
    body: JSON.stringify({
      Message: error.message,
      message: error.message,
      Type: error.status >= 500 ? "Service" : "User",
      ...error.body,
    }),
  };
}

function segments(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
