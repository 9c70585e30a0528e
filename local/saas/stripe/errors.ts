/** An error as Stripe writes it: `{error: {type, code?, message, param?}}`. https://docs.stripe.com/api/errors */
export class StripeError extends Error {
  override readonly name = "StripeError";
  readonly status: number;
  readonly type: string;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    type: string,
    message: string,
    options: { code?: string; param?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.type = type;
    this.code = options.code;
    this.param = options.param;
    this.headers = options.headers ?? {};
  }

  body(): unknown {
    const { type, code, message, param } = this;
    const documentation =
      code === undefined ? {} : { doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}` };
    return { error: { ...(code ? { code } : {}), ...documentation, message, ...(param ? { param } : {}), type } };
  }
}

const invalid = (message: string, code: string, param: string, status = 400) =>
  new StripeError(status, "invalid_request_error", message, { code, param });

export const unknownParameter = (param: string) =>
  invalid(`Received unknown parameter: ${param}`, "parameter_unknown", param);

export const missingParameter = (param: string) =>
  invalid(`Missing required param: ${param}.`, "parameter_missing", param);

export const notEmulated = (param: string) =>
  new StripeError(400, "invalid_request_error", `The Stripe emulator does not support the parameter ${param}.`, {
    param,
  });

export const noSuch = (what: string, id: string, param = "id") =>
  invalid(`No such ${what}: '${id}'`, "resource_missing", param, 404);

export const invalidEmail = (email: string) => invalid(`Invalid email address: ${email}`, "email_invalid", "email");

export const unrecognizedUrl = (method: string, path: string) =>
  new StripeError(
    404,
    "invalid_request_error",
    `Unrecognized request URL (${method}: ${path}). If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code.`,
  );

export const invalidApiKey = (key: string) =>
  new StripeError(401, "invalid_request_error", `Invalid API Key provided: ${key.slice(0, 8)}****${key.slice(-4)}`);

export const missingApiKey = () =>
  new StripeError(
    401,
    "invalid_request_error",
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.",
  );

/** https://docs.stripe.com/rate-limits */
export const rateLimited = (reason: string) =>
  new StripeError(429, "invalid_request_error", "Request rate limit exceeded.", {
    code: "rate_limit",
    headers: { "stripe-rate-limited-reason": reason },
  });

export const keyReused = (key: string) =>
  new StripeError(
    400,
    "idempotency_error",
    `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  );

export const keyInUse = (key: string) =>
  new StripeError(
    409,
    "idempotency_error",
    `There is currently another in-progress request using this Idempotent Key: ${key}. Please try again later.`,
    { code: "idempotency_key_in_use", headers: { "stripe-should-retry": "true" } },
  );

export const keyTooLong = () =>
  new StripeError(400, "invalid_request_error", "Idempotency keys can be at most 255 characters long.");

export const apiError = () =>
  new StripeError(500, "api_error", "An unknown error occurred while processing your request.");
