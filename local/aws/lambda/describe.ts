import { ACCOUNT, REGION } from "../kernel/names.ts";
import { LATEST } from "./registry.ts";
import type { FunctionVersion, InvokeConfig, Target } from "./types.ts";

/** A configuration as GetFunctionConfiguration answers it. https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html */
export function describeFunction(fn: FunctionVersion, arn = fn.arn): object {
  const { logging } = fn;
  return {
    FunctionName: fn.name,
    FunctionArn: arn,
    Version: fn.version,
    Role: fn.role,
    Handler: fn.handler,
    Runtime: fn.runtime,
    Architectures: fn.architectures,
    Description: fn.description,
    MemorySize: fn.memorySize,
    Timeout: fn.timeout,
    EphemeralStorage: { Size: fn.ephemeralStorage },
    ...(Object.keys(fn.variables).length > 0 ? { Environment: { Variables: fn.variables } } : {}),
    TracingConfig: { Mode: fn.tracing },
    LoggingConfig: {
      LogFormat: logging.format,
      LogGroup: logging.group,
      ...(logging.applicationLevel ? { ApplicationLogLevel: logging.applicationLevel } : {}),
      ...(logging.systemLevel ? { SystemLogLevel: logging.systemLevel } : {}),
    },
    ...(fn.deadLetterArn ? { DeadLetterConfig: { TargetArn: fn.deadLetterArn } } : {}),
    CodeSha256: fn.code.sha256,
    CodeSize: fn.code.size,
    PackageType: "Zip",
    RevisionId: fn.revisionId,
    LastModified: fn.lastModified,
    State: "Active",
    LastUpdateStatus: "Successful",
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
  };
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
export function describeTarget({ record, version, arn }: Target): object {
  const { reservedConcurrency } = record;
  return {
    Configuration: describeFunction(version, arn),
    Code: { RepositoryType: "S3", Location: `file://${version.code.folder}` },
    Tags: {},
    ...(reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
  };
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html */
export function describeInvokeConfig({ record, qualifier }: Target, config: InvokeConfig): object {
  return {
    FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${record.name}:${qualifier ?? LATEST}`,
    MaximumRetryAttempts: config.maximumRetryAttempts,
    MaximumEventAgeInSeconds: config.maximumEventAge,
    DestinationConfig: {
      OnSuccess: config.onSuccess ? { Destination: config.onSuccess } : {},
      OnFailure: config.onFailure ? { Destination: config.onFailure } : {},
    },
  };
}
