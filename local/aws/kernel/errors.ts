/** An error in the words of AWS; the gateway writes it in the caller's protocol. */
export class AwsError extends Error {
  readonly code: string;
  /** HTTP status; 400 for most client errors of the JSON protocols. */
  readonly status: number;
  /** Code of the older query protocol, sent to SQS clients in `x-amzn-query-error`. */
  readonly queryCode: string | undefined;
  /** Further members of the error body, such as `Reason` or `CancellationReasons`. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { status?: number; queryCode?: string; body?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = code;
    this.code = code;
    this.status = options.status ?? 400;
    this.queryCode = options.queryCode;
    this.body = options.body ?? {};
  }
}

/** A connection cut before the answer: a caller over the network gets nothing at all, a service of the twin this error. */
export class CutConnection extends AwsError {
  constructor() {
    super("SdkClientException", "The connection was cut before the answer.", { status: 500 });
  }
}

/** The template holds something that the twin does not reproduce; the boot stops with it. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly logicalId: string;
  readonly path: string;

  constructor(logicalId: string, path: string, problem: string) {
    super(`${logicalId}: ${path}: ${problem}`);
    this.logicalId = logicalId;
    this.path = path;
  }
}

/** Runs one step of a resource's creation and names its place in the template when the service refuses it. */
export function inTemplate<Result>(logicalId: string, path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof AwsError) throw new TemplateError(logicalId, path, error.message);
    throw error;
  }
}
