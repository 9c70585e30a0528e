import { patternOf } from "../../shared/contracts/event.ts";
import { events } from "../../shared/contracts/events.ts";
import { fitName, MOST } from "./names.ts";
import { busOf, isPartnerBus, type Org } from "./orgs.ts";
import { buildClock, type Rule, type Schedule } from "./schedule.ts";

/** What a connector declares: `- consumer: { queue, consumes | partnerBuses, … }`. */
export interface ConsumerDeclaration {
  /** Queue name without service and stage; also names the rule, the dead-letter queue and the alarm. */
  readonly queue: string;
  /** Fleet events to take from the fleet bus; the pattern comes from their contracts. */
  readonly consumes?: readonly string[];
  /** `live` leaves out what may wait, `bulk` takes only that; absent takes both. */
  readonly lane?: "live" | "bulk";
  /** Takes also what is replayed from the bus's archive; otherwise nobody is told, and nothing done, a second time. */
  readonly replays?: boolean;
  /** Takes everything from the partner buses of all Salesforce organisations. */
  readonly partnerBuses?: boolean;
  /** Requests that a clock puts on the queue. */
  readonly schedule?: Schedule;
  readonly batchSize?: number;
  /** Seconds to wait for a batch to fill, from its first message. */
  readonly window?: number;
  /** Most batches worked at the same time: the brake on the systems behind. */
  readonly maximumConcurrency?: number;
  /** Seconds after which a message that fails again and again is given up; the fleet's own unless the work differs. */
  readonly giveUpAfter?: number;
  /** Seconds that a message may wait before the alarm; 300 unless the work is allowed to wait. */
  readonly staleAfter?: number;
}

/** Where a consumer is built. */
export interface ConsumerContext {
  /** Service and stage, in front of every name. */
  readonly prefix: string;
  readonly timeoutSeconds: number;
  readonly fleetBus: { readonly Ref: string };
  /** The table that all functions share. */
  readonly stateTable: { readonly Ref: string };
  readonly giveUpAfterSeconds: number | string;
  readonly orgs: readonly Org[];
}

/** Everything that one consumer adds to the template and to its function. */
export interface Consumer {
  readonly resources: Record<string, unknown>;
  readonly event: unknown;
  readonly environment: Record<string, unknown>;
  readonly statements: readonly unknown[];
  /** Logical id of the dead-letter queue. */
  readonly deadLetterQueue: string;
  /** Logical id of the queue. */
  readonly queue: string;
  /** Seconds that a message may wait there before the alarm. */
  readonly staleAfter: number;
}

const DEFAULTS = { batchSize: 10, window: 0, staleAfter: 300 };
const DEAD = "-dead";
const FOURTEEN_DAYS = 14 * 24 * 3600;
/** The most that SQS takes: the net below a consumer that counts by age. */
const MOST_RECEIVES = 1_000;
/** What Lambda may need to end a function whose time is up. */
const GRACE_SECONDS = 15;
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
const MAX_BATCH_WITHOUT_WINDOW = 10;

/**
 * The one shape of every consumer: rule → queue with dead-letter queue → batched function, with policies.
 * @throws Error of one sentence for a declaration that cannot be
 */
export function buildConsumer(declaration: ConsumerDeclaration, context: ConsumerContext): Consumer {
  const { queue, batchSize, window, maximumConcurrency, staleAfter } = { ...DEFAULTS, ...declaration };
  if (batchSize > MAX_BATCH_WITHOUT_WINDOW && window === 0)
    throw new Error(`Consumer '${queue}' has a batchSize of ${batchSize}, which needs a window of at least 1 second.`);
  const id = pascalCase(queue);
  const [Queue, Dead, Policy] = [`${id}Queue`, `${id}DeadLetterQueue`, `${id}QueuePolicy`];
  const name = `${context.prefix}-${queue}`;
  const queueName = fitName(name, MOST.queue - DEAD.length);
  const target = { Id: "queue", Arn: arnOf(Queue), DeadLetterConfig: { Arn: arnOf(Dead) } };
  const clock = declaration.schedule && buildClock(declaration.schedule, id, name, target);
  const rules = { ...busRules(declaration, id, fitName(name, MOST.rule), target, context), ...clock?.rules };
  // Six function timeouts, as AWS advises, so that a slow batch is not handed out twice.
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  const visibilityTimeout = context.timeoutSeconds * 6 + window;
  return {
    deadLetterQueue: Dead,
    queue: Queue,
    staleAfter,
    resources: {
      [Queue]: {
        Type: "AWS::SQS::Queue",
        Properties: {
          QueueName: queueName,
          VisibilityTimeout: visibilityTimeout,
          MessageRetentionPeriod: FOURTEEN_DAYS,
          SqsManagedSseEnabled: true,
          // The consumer gives up by age and parks with the reason; the queue, which knows none, only when nobody did.
          RedrivePolicy: { deadLetterTargetArn: arnOf(Dead), maxReceiveCount: MOST_RECEIVES },
        },
      },
      [Dead]: {
        Type: "AWS::SQS::Queue",
        Properties: {
          QueueName: `${queueName}${DEAD}`,
          MessageRetentionPeriod: FOURTEEN_DAYS,
          SqsManagedSseEnabled: true,
          VisibilityTimeout: 180,
        },
      },
      [Policy]: {
        Type: "AWS::SQS::QueuePolicy",
        Properties: {
          Queues: [{ Ref: Queue }, { Ref: Dead }],
          PolicyDocument: {
            Version: "2012-10-17",
            Statement: [Queue, Dead].flatMap((to) => [allowRules(to, sourcesOf(rules)), denyPlainText(to)]),
          },
        },
      },
      // A rule that starts before it may write to its queue loses events.
      ...Object.fromEntries(Object.entries(rules).map(([rule, content]) => [rule, { ...content, DependsOn: Policy }])),
    },
    event: {
      sqs: {
        arn: arnOf(Queue),
        batchSize,
        ...(window > 0 ? { maximumBatchingWindow: window } : {}),
        ...(maximumConcurrency ? { maximumConcurrency } : {}),
        functionResponseType: "ReportBatchItemFailures",
      },
    },
    environment: {
      QUEUE_URL: { Ref: Queue },
      DEAD_LETTER_QUEUE_URL: { Ref: Dead },
      GIVE_UP_AFTER_SECONDS: String(declaration.giveUpAfter ?? context.giveUpAfterSeconds),
      VISIBILITY_SECONDS: String(visibilityTimeout),
      RUN_SECONDS: String(context.timeoutSeconds + GRACE_SECONDS),
      FLEET_STATE_TABLE: context.stateTable,
      ...clock?.environment,
    },
    statements: [
      { Effect: "Allow", Action: "sqs:ChangeMessageVisibility", Resource: arnOf(Queue) },
      { Effect: "Allow", Action: "sqs:SendMessage", Resource: arnOf(Dead) },
      // To mark the messages that it works, and to look at the marks.
      {
        Effect: "Allow",
        Action: ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        Resource: arnOf(context.stateTable.Ref),
      },
    ],
  };
}

/** One rule on the fleet bus, or one on the bus of every Salesforce organisation. */
function busRules(
  declaration: ConsumerDeclaration,
  id: string,
  name: string,
  target: object,
  { fleetBus, orgs }: ConsumerContext,
): Record<string, Rule> {
  const { partnerBuses, queue, consumes = [] } = declaration;
  const rule = (bus: { Ref: string }, EventPattern: unknown) => ({
    Type: "AWS::Events::Rule",
    Properties: {
      Name: name,
      EventBusName: bus,
      EventPattern,
      State: "ENABLED",
      Targets: [{ ...target, RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 } }],
    },
  });
  if (!partnerBuses) return { [`${id}Rule`]: rule(fleetBus, fleetPattern(declaration)) };
  if (consumes.length > 0)
    throw new Error(`Consumer '${queue}' has both 'consumes' and 'partnerBuses'; only one can be meant.`);
  const everything = { source: [{ prefix: "aws.partner/" }] };
  return Object.fromEntries(orgs.map(({ orgId }) => [`${id}${orgId}Rule`, rule({ Ref: busOf(orgId) }, everything)]));
}

function fleetPattern({ queue, consumes = [], lane, replays }: ConsumerDeclaration): unknown {
  const contracts = consumes.map((type) => {
    const contract = events.find((candidate) => candidate.type === type);
    if (!contract)
      throw new Error(`Consumer '${queue}' wants '${type}', which is no event of shared/contracts/events.ts.`);
    return contract;
  });
  if (contracts.length === 0) throw new Error(`Consumer '${queue}' needs 'consumes' or 'partnerBuses'.`);
  const patterns = contracts.map(patternOf);
  return {
    source: [...new Set(patterns.flatMap((pattern) => pattern.source))],
    "detail-type": patterns.flatMap((pattern) => pattern["detail-type"]),
    // As the rules do by which EventBridge fills archives:
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
    ...(replays ? {} : { "replay-name": [{ exists: false }] }),
    ...(lane ? { detail: { metadata: { lane: lane === "bulk" ? ["bulk"] : [{ exists: false }] } } } : {}),
  };
}

function allowRules(queue: string, sources: readonly unknown[]): unknown {
  return {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arnOf(queue),
    Condition: {
      StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } },
      ArnLike: { "aws:SourceArn": sources },
    },
  };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html */
function denyPlainText(queue: string): unknown {
  return {
    Effect: "Deny",
    Principal: "*",
    Action: "sqs:*",
    Resource: arnOf(queue),
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

/**
 * The ARNs of rules, written out: a reference would make the policy wait for the rules, which have to wait for it. All
 * partner buses are one pattern, so that a policy stays within its 8,192 bytes however many there are.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
 */
function sourcesOf(rules: Readonly<Record<string, Rule>>): unknown[] {
  const paths = Object.values(rules).map(({ Properties: { Name, EventBusName: bus } }) => {
    if (bus === undefined) return Name;
    return isPartnerBus(bus.Ref) ? `aws.partner/*/${Name}` : `\${${bus.Ref}}/${Name}`;
  });
  return [...new Set(paths)].map((path) => ({
    "Fn::Sub": `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${path}`,
  }));
}

function arnOf(logicalId: string): unknown {
  return { "Fn::GetAtt": [logicalId, "Arn"] };
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** @throws Error when two consumers have one queue, or one function has two consumers */
export function refuseSharedQueues(
  functions: Record<string, { readonly events?: readonly Record<string, unknown>[] }>,
): void {
  const taken = new Set<string>();
  for (const [name, { events = [] }] of Object.entries(functions)) {
    const queues = events.flatMap((event) =>
      "consumer" in event ? [(event.consumer as ConsumerDeclaration).queue] : [],
    );
    if (queues.length > 1)
      throw new Error(
        `Function '${name}' has two consumers; its environment names one queue, so write a function for each.`,
      );
    for (const queue of queues) {
      if (taken.has(queue))
        throw new Error(`Two consumers have the queue '${queue}'; give each consumer a queue of its own.`);
      taken.add(queue);
    }
  }
}
