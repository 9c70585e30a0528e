import { createClock } from "../kernel/clock.ts";
import { AwsError } from "../kernel/errors.ts";
import type { Identities } from "../kernel/identities.ts";
import { type Activity, ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import type { SegmentDocument, Service, TemplateResource } from "../kernel/service.ts";
import { createSqs } from "../sqs/index.ts";
import { allowAll } from "../testing.ts";
import { createLambda, type LambdaOptions } from "./index.ts";

export { eventually } from "../testing.ts";

export interface InvokeAnswer {
  readonly StatusCode: number;
  readonly FunctionError?: string;
  readonly ExecutedVersion?: string;
  readonly LogResult?: string;
  readonly Payload: string;
}

/** A call that one of the recording services got. */
export interface RecordedCall {
  readonly operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  readonly input: any;
  readonly caller: string;
}

export interface HarnessOptions extends Partial<LambdaOptions> {
  /** Waits are so many times shorter; default 1000. */
  readonly scale?: number;
  /** Actions that no role may do, such as `sqs:ReceiveMessage`. */
  readonly denied?: readonly string[];
}

/** Lambda and SQS in a kernel of their own, for tests; logs and the bus only write down what they get. */
export function createHarness({ scale = 1000, denied = [], ...options }: HarnessOptions = {}) {
  const kernel = new Kernel(createClock(scale), identitiesWithout(denied));
  kernel.origin = "http://127.0.0.1:1";
  kernel.daemonAddress = "127.0.0.1:2000";
  const segments: SegmentDocument[] = [];
  const activities: Activity[] = [];
  const calls: RecordedCall[] = [];
  kernel.on("segment", (segment) => void segments.push(segment));
  kernel.on("activity", (activity) => void activities.push(activity));
  const lambda = createLambda(kernel, { artifacts: "", ...options });
  const sqs = createSqs(kernel);
  const services = [lambda, sqs, recorder("logs", LOG_OPERATIONS, calls), recorder("events", ["PutEvents"], calls)];
  for (const service of services) kernel.register(service);

  // biome-ignore lint/suspicious/noExplicitAny: the test knows the operation's output
  const call = (service: string, operation: string, input: object): Promise<any> =>
    kernel.call(service, operation, input, { principal: ADMINISTRATOR });
  const deploy = async (type: string, properties: object, logicalId = "Resource") => {
    const provider = [...(lambda.resources ?? []), ...(sqs.resources ?? [])].find((found) => found.type === type);
    if (!provider) throw new Error(`There is no provider of ${type}.`);
    const resource: TemplateResource = { logicalId, type, properties, stackName: "test", artifacts: "" };
    return provider.create(resource);
  };
  return {
    kernel,
    lambda,
    segments,
    activities,
    calls,
    call,
    deploy,
    /** A function `name` from one source file; `handler` is its export. */
    deployFunction: (name: string, source: string, properties: object = {}) =>
      deploy("AWS::Lambda::Function", { ...functionProperties(name, source), ...properties }, `${name}Function`),
    /** A queue with a visibility timeout of 30 s and its URL. */
    deployQueue: (name: string, properties: object = {}) =>
      deploy("AWS::SQS::Queue", { QueueName: name, ...properties }, `${name}Queue`),
    invoke: (name: string, event: unknown = {}, input: object = {}): Promise<InvokeAnswer> =>
      call("lambda", "Invoke", { FunctionName: name, Payload: JSON.stringify(event), ...input }),
    start: async () => void (await lambda.start?.()),
    stop: async () => {
      await lambda.stop?.();
      await sqs.stop?.();
    },
    /** All log messages that reached CloudWatch Logs. */
    logLines: (): string[] =>
      calls.flatMap(({ operation, input }) =>
        operation === "PutLogEvents" ? input.logEvents.map(({ message }: { message: string }) => message) : [],
      ),
  };
}

export type Harness = ReturnType<typeof createHarness>;

export function functionProperties(name: string, source: string): Record<string, unknown> {
  return {
    FunctionName: name,
    Handler: "index.handler",
    Runtime: "nodejs24.x",
    Role: "arn:aws:iam::123456789012:role/function",
    Code: { ZipFile: source },
  };
}

const LOG_OPERATIONS = ["CreateLogGroup", "CreateLogStream", "PutLogEvents"];

function recorder(name: string, operations: readonly string[], calls: RecordedCall[]): Service {
  const operation = (operationName: string) => ({
    access: () => [{ action: `${name}:${operationName}`, resource: "*" }],
    run: (input: unknown, { principal }: { principal: { arn: string } }) => {
      calls.push({ operation: operationName, input, caller: principal.arn });
      return {};
    },
  });
  return {
    name,
    wire: { kind: "json", version: "1.1", targetPrefix: name },
    operations: Object.fromEntries(operations.map((operationName) => [operationName, operation(operationName)])),
  };
}

function identitiesWithout(denied: readonly string[]): Identities {
  return {
    ...allowAll(),
    authorize: (principal, { action, resource }) => {
      if (principal.kind === "administrator" || !denied.includes(action)) return;
      const message = `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource}`;
      throw new AwsError("AccessDeniedException", message);
    },
  };
}
