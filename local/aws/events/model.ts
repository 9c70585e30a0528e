import type { PolicyDocument } from "../kernel/service.ts";
import type { EventPattern } from "./pattern.ts";

/** An event as rules match it and targets receive it; the keys stand in the order in which AWS writes them. */
export interface BusEvent {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  /** UTC, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly "replay-name"?: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** An event on its way through a bus, with what travels beside it. */
export interface Arrival {
  readonly event: BusEvent;
  /** Real milliseconds since the epoch. */
  readonly ingestedAt: number;
  readonly traceHeader?: string;
  /** True when another bus handed it on; it may not be handed on again. */
  readonly forwarded?: boolean;
}

export interface Bus {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  modifiedAt: number;
  description?: string;
  eventSourceName?: string;
  policy?: PolicyDocument;
  /** Made by the template, which makes it again at every boot. */
  fromTemplate?: boolean;
}

/** A rule's target, in the words of the API. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html */
export interface Target {
  readonly Id: string;
  readonly Arn: string;
  readonly RoleArn?: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: {
    readonly InputPathsMap?: Readonly<Record<string, string>>;
    readonly InputTemplate: string;
  };
  readonly SqsParameters?: { readonly MessageGroupId?: string };
  readonly DeadLetterConfig?: { readonly Arn?: string };
  readonly RetryPolicy?: {
    readonly MaximumRetryAttempts?: number;
    readonly MaximumEventAgeInSeconds?: number;
  };
}

export type RuleState = "ENABLED" | "DISABLED" | "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly busName: string;
  state: RuleState;
  patternText?: string;
  /** Compiled from `patternText`. */
  pattern?: EventPattern;
  schedule?: string;
  /** From when a `rate()` counts, real milliseconds since the epoch. */
  scheduledSince: number;
  description?: string;
  roleArn?: string;
  readonly targets: Map<string, Target>;
  fromTemplate?: boolean;
}

export interface Archive {
  readonly name: string;
  readonly arn: string;
  readonly busArn: string;
  readonly createdAt: number;
  description?: string;
  patternText?: string;
  pattern?: EventPattern;
  /** 0 keeps events for ever. */
  retentionDays: number;
  events: { readonly event: BusEvent; readonly ingestedAt: number }[];
}

export type ReplayState = "STARTING" | "RUNNING" | "CANCELLING" | "COMPLETED" | "CANCELLED" | "FAILED";

export interface Replay {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  readonly archiveArn: string;
  readonly destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
  /** Epoch seconds, as the caller gave them. */
  readonly from: number;
  readonly to: number;
  readonly startedAt: number;
  endedAt?: number;
  lastEventAt?: number;
  state: ReplayState;
}
