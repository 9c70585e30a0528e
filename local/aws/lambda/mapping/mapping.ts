import { AwsError } from "../../kernel/errors.ts";
import { arn } from "../../kernel/names.ts";
import { compileFilter } from "./filter.ts";

/** What an event source mapping is told to do. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html */
export interface MappingConfig {
  readonly uuid: string;
  readonly queueArn: string;
  /** The function ARN, qualified if the mapping is. */
  readonly functionArn: string;
  readonly batchSize: number;
  /** Seconds to gather a batch, counted from its first message. */
  readonly window: number;
  /** Batches in flight at the same time, if limited. */
  readonly maximumConcurrency?: number;
  readonly reportsItemFailures: boolean;
  /** Event patterns as JSON; a message must match one of them. */
  readonly filters: readonly string[];
}

/** A mapping and what has become of it. */
export interface Mapping {
  readonly config: MappingConfig;
  state: "Creating" | "Enabled" | "Disabled";
  reason: string;
  lastResult: string;
  /** Epoch milliseconds. */
  lastModified: number;
}

/** ARN of the mapping itself. */
export function mappingArn(uuid: string): string {
  return arn("lambda", `event-source-mapping:${uuid}`);
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html */
export function describeMapping({ config, state, reason, lastResult, lastModified }: Mapping): object {
  return {
    UUID: config.uuid,
    EventSourceMappingArn: mappingArn(config.uuid),
    EventSourceArn: config.queueArn,
    FunctionArn: config.functionArn,
    BatchSize: config.batchSize,
    MaximumBatchingWindowInSeconds: config.window,
    FunctionResponseTypes: config.reportsItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(config.maximumConcurrency ? { ScalingConfig: { MaximumConcurrency: config.maximumConcurrency } } : {}),
    ...(config.filters.length > 0
      ? { FilterCriteria: { Filters: config.filters.map((Pattern) => ({ Pattern })) } }
      : {}),
    State: state,
    StateTransitionReason: reason,
    LastProcessingResult: lastResult,
    LastModified: lastModified / 1000,
  };
}

/**
 * Holds a mapping against the limits of the API.
 * @throws AwsError `InvalidParameterValueException`
 */
export function checkMapping(config: MappingConfig): void {
  const { batchSize, window, maximumConcurrency } = config;
  if (!isWithin(batchSize, 1, 10_000)) throw invalid("BatchSize must be between 1 and 10000 for a standard queue");
  if (!isWithin(window, 0, 300)) throw invalid("MaximumBatchingWindowInSeconds must be between 0 and 300");
  if (batchSize > 10 && window === 0)
    throw invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
  if (maximumConcurrency !== undefined && !isWithin(maximumConcurrency, 2, 1000))
    throw invalid("ScalingConfig.MaximumConcurrency must be between 2 and 1000");
  if (config.filters.length > 5) throw invalid("FilterCriteria holds at most 5 filters");
  checkFilters(config.filters);
}

function checkFilters(patterns: readonly string[]): void {
  try {
    for (const pattern of patterns) compileFilter(pattern);
  } catch (cause) {
    if (cause instanceof AwsError) throw invalid(`Invalid filter pattern definition. ${cause.message}`);
    throw cause;
  }
}

export function invalid(message: string): AwsError {
  return new AwsError("InvalidParameterValueException", message, { body: { Type: "User" } });
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
