import { AwsError } from "../../kernel/errors.ts";
import { StateError } from "../errors.ts";

/** How an optimised integration names the errors of its service. */
export interface ErrorNames {
  /** Before the dot: `Lambda`, `DynamoDB`. */
  readonly prefix: string;
  /** Errors that the service's model names; they keep their name. */
  readonly modelled: readonly string[];
  /** All others, access denied among them, have the base exception of the service's client. */
  readonly base: string;
  /** Service name in the cause. */
  readonly service: string;
  /** Status of the answer when IAM refuses. */
  readonly deniedStatus: number;
}

/**
 * The error of an optimised integration. That IAM's refusal has the client's base exception is recorded for Lambda
 * (`Lambda.AWSLambdaException`) and taken over for the other services.
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
 */
export function optimisedErrors(names: ErrorNames): (cause: unknown, requestId: string) => unknown {
  return (cause, requestId) => (cause instanceof AwsError ? optimisedError(cause, names, requestId) : cause);
}

function optimisedError(cause: AwsError, names: ErrorNames, requestId: string): StateError {
  const code = cause.queryCode ?? cause.code;
  const modelled = [cause.code, `${cause.code}Exception`].find((name) => names.modelled.includes(name));
  const name = modelled ?? (cause.status >= 500 && names.prefix === "Lambda" ? "ServiceException" : names.base);
  const status = isDenial(cause) ? names.deniedStatus : cause.status;
  return new StateError(
    `${names.prefix}.${name}`,
    `${cause.message} (Service: ${names.service}; Status Code: ${status}; Error Code: ${code}; Request ID: ${requestId}; Proxy: null)`,
  );
}

const NEVER_MODELLED = [
  "AccessDenied",
  "AccessDeniedException",
  "ValidationException",
  "UnrecognizedClientException",
  "UnknownOperationException",
];

/**
 * The error of an `aws-sdk` integration.
 * @param serviceId SDK service id as Step Functions writes it: `DynamoDb`, `SecretsManager`, `Sfn`
 */
export function sdkError(cause: unknown, serviceId: string, requestId: string): unknown {
  if (!(cause instanceof AwsError)) return cause;
  const modelled = cause.status < 500 && !NEVER_MODELLED.includes(cause.code);
  const name = modelled ? cause.code.replace(/(Exception)?$/, "Exception") : `${serviceId}Exception`;
  return new StateError(
    `${serviceId}.${name}`,
    `${cause.message} (Service: ${serviceId}, Status Code: ${cause.status}, Request ID: ${requestId}) (SDK Attempt Count: 1)`,
  );
}

function isDenial({ code }: AwsError): boolean {
  return code === "AccessDeniedException" || code === "AccessDenied";
}
