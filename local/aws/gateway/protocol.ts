import type { AwsError } from "../kernel/errors.ts";
import type { Service, WireRequest, WireResponse } from "../kernel/service.ts";

/** One request, understood: which operation of which service, and how to answer in the caller's own protocol. */
export interface Exchange {
  readonly service: string;
  readonly operation: string;
  /** Decodes the operation's input. @throws AwsError `SerializationException` when the body cannot be read */
  input(): unknown;
  answer(output: unknown, requestId: string): WireResponse;
  fail(error: AwsError, requestId: string): WireResponse;
}

/** Who signed a request, as the SigV4 credential scope says. */
export interface Credential {
  readonly accessKeyId: string;
  readonly service: string;
}

/** The services whose JSON protocol is `awsQueryCompatible`: errors also travel under their query-protocol code. */
export const QUERY_COMPATIBLE: ReadonlySet<string> = new Set(["sqs", "monitoring"]);

/** `Sender` for the caller's fault, `Receiver` for the service's, as the query protocol names them. */
export function faultSide(error: AwsError): "Sender" | "Receiver" {
  return error.status >= 500 ? "Receiver" : "Sender";
}

const REFUSALS: ReadonlySet<string> = new Set(["AccessDenied", "AccessDeniedException", "UnrecognizedClientException"]);

/** The HTTP status where refusals of IAM are 403; the plain JSON protocols answer them with 400. */
export function statusOf(error: AwsError): number {
  return REFUSALS.has(error.code) ? 403 : error.status;
}

/** The service whose JSON targets begin with `prefix`, the text before the last dot. */
export function serviceOfTarget(services: readonly Service[], prefix: string): Service | undefined {
  return services.find(({ wire }) => wire.kind === "json" && wire.targetPrefix.replace(/\.$/, "") === prefix);
}

/** The access key and signing name of a request. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
export function credentialOf(request: Pick<WireRequest, "headers" | "query">): Credential | undefined {
  const header = request.headers.authorization;
  const raw = header ? /Credential=([^,\s]+)/.exec(header)?.[1] : request.query.get("X-Amz-Credential");
  const parts = raw?.split("/");
  const [accessKeyId, service] = [parts?.[0], parts?.at(-2)];
  return accessKeyId && service && parts && parts.length >= 5 ? { accessKeyId, service } : undefined;
}
