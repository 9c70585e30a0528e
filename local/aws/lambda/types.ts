import type { PolicyStatement } from "../kernel/service.ts";

/** The unpacked code of a function. */
export interface Code {
  /** Folder that the runtime sees as the task root. */
  readonly folder: string;
  /** Base64 SHA-256 of the zip, as `CodeSha256`. */
  readonly sha256: string;
  /** Size of the zip in bytes. */
  readonly size: number;
}

/** Where and how a function logs. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-logs.html */
export interface Logging {
  readonly group: string;
  readonly format: "Text" | "JSON";
  readonly applicationLevel?: string;
  readonly systemLevel?: string;
}

/** One immutable configuration of a function: `$LATEST` or a published version. */
export interface FunctionVersion {
  readonly name: string;
  readonly version: string;
  /** Unqualified function ARN. */
  readonly arn: string;
  readonly role: string;
  readonly handler: string;
  readonly runtime: string;
  readonly architectures: readonly string[];
  readonly description: string;
  /** Megabytes. */
  readonly memorySize: number;
  /** Seconds. */
  readonly timeout: number;
  /** Megabytes of ephemeral storage; recorded, not enforced. */
  readonly ephemeralStorage: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly tracing: "Active" | "PassThrough";
  readonly logging: Logging;
  readonly deadLetterArn?: string;
  readonly code: Code;
  readonly revisionId: string;
  /** ISO 8601, as the API gives it. */
  readonly lastModified: string;
}

/** How asynchronous invocations of one function (and qualifier) end. */
export interface InvokeConfig {
  /** 0 to 2. */
  readonly maximumRetryAttempts: number;
  /** Seconds, 60 to 21600. */
  readonly maximumEventAge: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

export interface Alias {
  readonly version: string;
  readonly description: string;
}

/** Everything known of one function. */
export interface FunctionRecord {
  readonly name: string;
  readonly arn: string;
  latest: FunctionVersion;
  readonly versions: Map<string, FunctionVersion>;
  readonly aliases: Map<string, Alias>;
  /** Statements of the resource policy, by qualifier (`""`: the function itself) and statement id. */
  readonly permissions: Map<string, Map<string, PolicyStatement>>;
  readonly invokeConfigs: Map<string, InvokeConfig>;
  reservedConcurrency: number | undefined;
}

/** What `FunctionName` and `Qualifier` of a call point to. */
export interface Target {
  readonly record: FunctionRecord;
  readonly version: FunctionVersion;
  /** As called; absent when the call named none. */
  readonly qualifier?: string;
  /** The ARN as called, with its qualifier. */
  readonly arn: string;
}

/** One invocation on its way to an environment. */
export interface Invocation {
  readonly requestId: string;
  /** The ARN as called. */
  readonly functionArn: string;
  /** The event as JSON text. */
  readonly payload: string;
  readonly clientContext?: string;
  /** Value of `_X_AMZN_TRACE_ID`. */
  readonly traceId: string;
}
