import type { Resources } from "./resolve.ts";

export interface FunctionItem {
  /** Logical id. */
  readonly id: string;
  /** Name without service and stage. */
  readonly name: string;
  /** `service` of its own metrics. */
  readonly service: string;
  readonly timeoutSeconds: number;
  /** Whether queues feed it; what else calls it hears of its errors by itself. */
  readonly consumes: boolean;
  /** Seconds after which a queue hands out again what a crash left: the longest of its queues; 0 without one. */
  readonly visibilitySeconds: number;
}

export interface QueueItem {
  readonly id: string;
  readonly name: string;
  readonly isDeadLetterQueue: boolean;
  /** The function that the queue feeds. */
  readonly consumer: FunctionItem | undefined;
}

export interface MachineItem {
  readonly id: string;
  readonly name: string;
  readonly isExpress: boolean;
}

/** What a template contains that may go wrong. */
export interface Inventory {
  readonly functions: readonly FunctionItem[];
  readonly queues: readonly QueueItem[];
  readonly machines: readonly MachineItem[];
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
const DEFAULT_TIMEOUT = 3;
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
const DEFAULT_VISIBILITY = 30;

/**
 * Lists functions, queues and state machines of a template.
 * @param prefix service and stage, which all names begin with
 */
export function takeInventory(resources: Resources, prefix: string): Inventory {
  const nameOf = (id: string, name: unknown) =>
    typeof name === "string" && name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : id;
  const mappings = ofType(resources, "AWS::Lambda::EventSourceMapping").map(([, mapping]) => ({
    queue: idIn(mapping.EventSourceArn),
    consumer: idIn(mapping.FunctionName),
  }));
  const queues = ofType(resources, "AWS::SQS::Queue");
  const visibility = new Map(
    queues.map(([id, { VisibilityTimeout }]) => [id, VisibilityTimeout ?? DEFAULT_VISIBILITY]),
  );
  const functions = ofType(resources, "AWS::Lambda::Function").map(([id, properties]) => {
    const sources = mappings.filter(({ consumer }) => consumer === id).map(({ queue }) => queue ?? "");
    return {
      id,
      name: nameOf(id, properties.FunctionName),
      service: properties.Environment?.Variables?.POWERTOOLS_SERVICE_NAME ?? "service_undefined",
      timeoutSeconds: properties.Timeout ?? DEFAULT_TIMEOUT,
      consumes: sources.length > 0,
      visibilitySeconds: Math.max(0, ...sources.map((queue) => visibility.get(queue) ?? 0)),
    };
  });
  const dead = new Set(queues.map(([, { RedrivePolicy }]) => idIn(RedrivePolicy?.deadLetterTargetArn)));
  return {
    functions,
    queues: queues.map(([id, { QueueName }]) => ({
      id,
      name: nameOf(id, QueueName),
      isDeadLetterQueue: dead.has(id),
      consumer: functions.find((one) => mappings.some(({ queue, consumer }) => queue === id && consumer === one.id)),
    })),
    machines: ofType(resources, "AWS::StepFunctions::StateMachine").map(([id, properties]) => ({
      id,
      name: nameOf(id, properties.StateMachineName),
      isExpress: properties.StateMachineType === "EXPRESS",
    })),
  };
}

function ofType(resources: Resources, type: string) {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, { Properties = {} }]) => [id, Properties] as const);
}

/** The logical id that a `Ref` or `Fn::GetAtt` names. */
function idIn(value: unknown): string | undefined {
  const { Ref, "Fn::GetAtt": attribute } = (value ?? {}) as { Ref?: string; "Fn::GetAtt"?: string | [string, string] };
  return Ref ?? (typeof attribute === "string" ? attribute.split(".")[0] : attribute?.[0]);
}
