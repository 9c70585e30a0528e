import { hex, REGION } from "../kernel/names.ts";
import type { FunctionVersion } from "./types.ts";

/**
 * Names that a function may not set itself.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export const RESERVED: ReadonlySet<string> = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
]);

export interface VariableSources {
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string;
  };
  /** Log stream of the environment. */
  readonly logStream: string;
  /** The twin's endpoint, `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** `host:port` of the X-Ray daemon. */
  readonly daemonAddress: string;
  /** The environment's own ephemeral storage. */
  readonly scratch: string;
  readonly compileCache: string;
}

/** A log stream name: `YYYY/MM/DD/[version]` and 32 hexadecimal digits. */
export function logStreamName(version: string, now: number): string {
  const day = new Date(now).toISOString().slice(0, 10).replaceAll("-", "/");
  return `${day}/[${version}]${hex(32)}`;
}

/**
 * The environment variables of a function's process: those of Lambda, the function's own, and nothing of the twin's
 * own process. Beyond AWS there are `AWS_ENDPOINT_URL`, and `TMPDIR` because a laptop's `/tmp` cannot be private.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export function variablesOf(fn: FunctionVersion, sources: VariableSources): Record<string, string> {
  const [daemonHost = "", daemonPort = ""] = sources.daemonAddress.split(":");
  const { logging, code } = fn;
  return {
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    PATH: "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    LD_LIBRARY_PATH: `${code.folder}:${code.folder}/lib`,
    NODE_PATH: `${code.folder}/node_modules`,
    PWD: code.folder,
    SHLVL: "0",
    TMPDIR: sources.scratch,
    AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
    ...fn.variables,
    NODE_COMPILE_CACHE: sources.compileCache,
    _HANDLER: fn.handler,
    LAMBDA_TASK_ROOT: code.folder,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
    // Where AWS has it; the twin's runtime speaks over a private channel instead.
    AWS_LAMBDA_RUNTIME_API: "169.254.100.1:9001",
    AWS_EXECUTION_ENV: `AWS_Lambda_${fn.runtime}`,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL: fn.variables.AWS_ENDPOINT_URL ?? sources.origin,
    AWS_ACCESS_KEY_ID: sources.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sources.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: sources.credentials.sessionToken,
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: fn.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memorySize),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: logging.group,
    AWS_LAMBDA_LOG_STREAM_NAME: sources.logStream,
    AWS_LAMBDA_LOG_FORMAT: logging.format,
    ...(logging.applicationLevel ? { AWS_LAMBDA_LOG_LEVEL: logging.applicationLevel } : {}),
    AWS_XRAY_DAEMON_ADDRESS: sources.daemonAddress,
    _AWS_XRAY_DAEMON_ADDRESS: daemonHost,
    _AWS_XRAY_DAEMON_PORT: daemonPort,
  };
}
