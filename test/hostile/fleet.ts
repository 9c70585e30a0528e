import { createClock } from "../../local/aws/kernel/clock.ts";
import type { Principal } from "../../local/aws/kernel/service.ts";
import { packagedTemplate, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { type Counter, countCalls } from "./counts.ts";

/** An event of the fleet bus, as the tap took it. */
export interface TappedEvent {
  readonly "detail-type": string;
  // biome-ignore lint/suspicious/noExplicitAny: looked at from outside, without the fleet's contracts
  readonly detail: any;
}

const SCALE = 20;
const STRIPE_RATE = 25;
const TAP = "connector-fleet-hostile-tap";

/** A fleet that can be stopped and started again on the same state, with a tap on its bus. */
export class HostileFleet {
  readonly counter: Counter = { calls: new Map(), invocations: new Map(), refused: 0, billingUpdates: 0 };
  current!: TestFleet;
  /** How often one function was killed, or all that worked. */
  blows = 0;
  /** The roles of functions that have called AWS, by ARN. */
  readonly #callers = new Map<string, Principal>();
  #isKillingAll = false;
  /** One for all starts: time does not go backwards. */
  readonly #clock = createClock(SCALE);
  readonly #stateDir: string;
  /** The same at every start: systems do not move while the fleet is down. */
  readonly #portBase: number;

  constructor(stateDir: string, portBase: number) {
    this.#stateDir = stateDir;
    this.#portBase = portBase;
  }

  async start(): Promise<void> {
    const template = await packagedTemplate();
    Object.assign(template.Resources, tapResources());
    shorten(template.Resources);
    const [stateDir, portBase] = [this.#stateDir, this.#portBase];
    this.current = await startTestFleet({ clock: this.#clock, stateDir, portBase, template });
    countCalls(this.current, this.counter);
    this.current.kernel.on("activity", ({ principal }) => {
      if (principal.kind === "role") this.#callers.set(principal.arn, principal);
    });
    this.current.kernel.on("crash", () => {
      if (!this.#isKillingAll) this.blows += 1;
    });
    // Time passes faster for whoever waits, so Stripe has to take more in a second.
    const url = `${this.current.saas.stripe.url}/__emulator__/config`;
    await fetch(url, { method: "POST", body: JSON.stringify({ ratePerEndpoint: STRIPE_RATE * SCALE }) });
  }

  aws<Output>(service: string, operation: string, input: object): Promise<Output> {
    return this.current.aws<Output>(service, operation, input);
  }

  /** Kills every function that works now, wherever it is. */
  killFunctions(): void {
    this.#isKillingAll = true;
    for (const caller of this.#callers.values()) this.current.kernel.emit("crash", caller);
    this.#isKillingAll = false;
    this.blows += 1;
  }

  /** Puts a request on the fleet's bus, as a clock or a person does. */
  request(type: "catch-up.requested" | "reconciliation.requested", data: object): Promise<string> {
    return this.current.request(type, data);
  }

  /** Messages by queue, without the tap's: those that wait, and with `all` those that are being worked or postponed too. */
  backlog(which: { readonly all: boolean }): Promise<Map<string, number>> {
    return backlogOf(this, which);
  }

  /** All that the bus carried about customers. A change that was worked twice is there with both versions. */
  async tapped(): Promise<TappedEvent[]> {
    const events: TappedEvent[] = [];
    const QueueUrl = this.current.ref("HostileTap");
    for (;;) {
      const input = { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 43_200 };
      const { Messages = [] } = await this.aws<{ Messages?: { Body: string }[] }>("sqs", "ReceiveMessage", input);
      for (const { Body } of Messages) events.push(JSON.parse(Body) as TappedEvent);
      if (Messages.length === 0) return events;
    }
  }
}

/** Messages by queue, without the tap's. @param which with `all` those too that are being worked or postponed */
export async function backlogOf(
  fleet: Pick<TestFleet, "aws">,
  { all }: { readonly all: boolean },
): Promise<Map<string, number>> {
  const { QueueUrls = [] } = await fleet.aws<{ QueueUrls?: string[] }>("sqs", "ListQueues", { MaxResults: 1000 });
  const parts = all ? ["", "Delayed", "NotVisible"] : [""];
  const counts = QueueUrls.filter((url) => !url.endsWith(TAP)).map(async (QueueUrl): Promise<[string, number]> => {
    const input = { QueueUrl, AttributeNames: ["All"] };
    const { Attributes } = await fleet.aws<{ Attributes: Record<string, string> }>("sqs", "GetQueueAttributes", input);
    const sum = parts.reduce((so, part) => so + Number(Attributes[`ApproximateNumberOfMessages${part}`]), 0);
    return [QueueUrl.split("/").at(-1) ?? "", sum];
  });
  return new Map((await Promise.all(counts)).filter(([, count]) => count > 0));
}

/** Seconds for which functions wait for more messages: as in production, or long enough in shortened time. */
const WINDOWS = { capture: 10, "write-back": 30, notify: 30 };

/**
 * What a crash leaves behind comes back after minutes; here as soon as the functions' timeouts allow. Nobody looks at
 * traces, which cost as much as the work.
 */
// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
function shorten(resources: Record<string, any>): void {
  resources.CatchUpQueue.Properties.VisibilityTimeout = 340;
  resources.SalesforceSweepQueue.Properties.VisibilityTimeout = 300;
  resources.CustomerSyncQueue.Properties.VisibilityTimeout = 300;
  for (const { Type, Properties } of Object.values(resources)) {
    const variables = Properties?.Environment?.Variables;
    if (variables?.RUN_SECONDS)
      variables.RUN_SECONDS = String(resources[variables.QUEUE_URL.Ref].Properties.VisibilityTimeout);
    if (variables?.TRACE_SAMPLE_RATE !== undefined) variables.TRACE_SAMPLE_RATE = "0";
    if (Type !== "AWS::Lambda::EventSourceMapping") continue;
    const target = JSON.stringify(Properties.FunctionName).replaceAll("Dash", "-");
    const [, seconds] = Object.entries(WINDOWS).find(([name]) => target.includes(`-${name}Lambda`)) ?? [];
    if (seconds !== undefined)
      Object.assign(Properties, {
        MaximumBatchingWindowInSeconds: seconds,
        BatchSize: Math.max(Properties.BatchSize, 50),
      });
  }
}

/** A queue that takes everything that the bus carries about customers; its logical id is `HostileTap`. */
export function tapResources(): Record<string, object> {
  const tapArn = { "Fn::GetAtt": ["HostileTap", "Arn"] };
  return {
    HostileTap: {
      Type: "AWS::SQS::Queue",
      Properties: { QueueName: TAP, MessageRetentionPeriod: 1_209_600, VisibilityTimeout: 43_200 },
    },
    HostileTapPolicy: {
      Type: "AWS::SQS::QueuePolicy",
      Properties: {
        Queues: [{ Ref: "HostileTap" }],
        PolicyDocument: {
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: { Service: "events.amazonaws.com" },
              Action: "sqs:SendMessage",
              Resource: tapArn,
              Condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": ["HostileTapRule", "Arn"] } } },
            },
          ],
        },
      },
    },
    HostileTapRule: {
      Type: "AWS::Events::Rule",
      Properties: {
        Name: TAP,
        EventBusName: { Ref: "FleetBus" },
        EventPattern: { "detail-type": [{ prefix: "customer." }] },
        State: "ENABLED",
        Targets: [{ Id: "tap", Arn: tapArn }],
      },
    },
  };
}
