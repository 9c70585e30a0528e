import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createCloudFormation, Stacks } from "./cloudformation/index.ts";
import { type Gateway, startGateway } from "./gateway/index.ts";
import { createIam, createIdentities, type TwinIdentities } from "./iam/index.ts";
import { type Clock, createClock } from "./kernel/clock.ts";
import { Kernel } from "./kernel/kernel.ts";
import { defaultServices, type ServiceFactory } from "./services.ts";
import { openSnapshots, type Snapshots } from "./snapshots.ts";
import { deploy, type Stack, type StackResource } from "./template/index.ts";

export interface BootOptions {
  /** The CloudFormation template, or the path of its JSON file. */
  readonly template: string | object;
  /** Folder of the packaged artifacts (`.serverless`). */
  readonly artifacts: string;
  /** Port of the gateway; 0 or absent takes a free one. */
  readonly port?: number;
  /** UDP port of the X-Ray daemon; 0 or absent takes a free one. */
  readonly daemonPort?: number;
  readonly stateDir?: string;
  /** Bytes of one upload to S3, or of one part of it; absent: as many as S3 takes. */
  readonly largestUpload?: number;
  /** How many times shorter waits are than on AWS; 1 is real time. */
  readonly clockScale?: number;
  /** A clock that others look at too, instead of one of its own. */
  readonly clock?: Clock;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Values that `Fn::ImportValue` finds. */
  readonly imports?: Readonly<Record<string, unknown>>;
  /** Default: the stack name that `serverless package` wrote down, or `twin`. */
  readonly stackName?: string;
  /** Makes what must be there before the first function runs, such as the values of secrets. */
  readonly prepare?: (twin: Omit<Twin, "stop">) => Promise<void>;
  /** Default: every service of the twin. */
  readonly services?: readonly ServiceFactory[];
}

/** A running twin. */
export interface Twin {
  readonly kernel: Kernel;
  readonly identities: TwinIdentities;
  /** `http://127.0.0.1:<port>`: what goes into `AWS_ENDPOINT_URL`. */
  readonly origin: string;
  readonly stackName: string;
  /** Of the stack, as it is deployed now. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** The stack's resources by logical id, as they are deployed now. */
  readonly resources: ReadonlyMap<string, StackResource>;
  /** Ends every service, writes the state down and closes the port; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Boots a small AWS from a CloudFormation template: registers the services, restores their state, opens the port,
 * makes the template's resources, lets the caller prepare, and starts the pollers. Whatever had begun is stopped again when a step fails.
 * @throws TemplateError for what the twin does not reproduce, Error when the port is taken or a file cannot be read
 */
export async function bootTwin(options: BootOptions): Promise<Twin> {
  const { artifacts, stateDir, daemonPort, largestUpload } = options;
  const template = typeof options.template === "string" ? readJson(options.template) : options.template;
  const stackName = options.stackName ?? packagedStackName(artifacts) ?? "twin";
  const identities = createIdentities();
  const kernel = new Kernel(options.clock ?? createClock(options.clockScale), identities);
  const stacks = new Stacks(kernel);
  kernel.register(createIam(identities));
  const forServices = {
    artifacts,
    ...(stateDir ? { stateDir } : {}),
    ...(daemonPort ? { daemonPort } : {}),
    ...(largestUpload ? { largestUpload } : {}),
  };
  for (const create of options.services ?? defaultServices) kernel.register(create(kernel, forServices));

  // Last, so that it ends first: an update under way needs the others.
  kernel.register(createCloudFormation(stacks));
  const deployed = () => stacks.find(stackName)?.stack;
  let gateway: Gateway | undefined;
  let snapshots: Snapshots | undefined;
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll(
      kernel,
      () => snapshots?.close(),
      () => gateway?.close(),
    );
    return stopped;
  };
  try {
    snapshots = stateDir ? await openSnapshots(kernel, stateDir) : undefined;
    gateway = await startGateway(kernel, {
      ...(options.port === undefined ? {} : { port: options.port }),
      control: { "GET /_twin/stack": () => ({ stackName, ...told(deployed()) }) },
    });
    const stack = await deploy(kernel, template, {
      stackName,
      artifacts,
      ...(options.parameters ? { parameters: options.parameters } : {}),
      ...(options.imports ? { imports: options.imports } : {}),
    });
    // As on AWS, there is no stack without resources: such a twin waits for a deploy.
    if (stack.resources.size > 0) stacks.adopt(stack, template, options.parameters ?? {});
    const twin = {
      ...{ kernel, identities, origin: gateway.origin, stackName, stop },
      get outputs() {
        return deployed()?.outputs ?? {};
      },
      get resources() {
        return deployed()?.resources ?? new Map();
      },
    };
    await options.prepare?.(twin);
    for (const service of kernel.services()) await service.start?.();
    return twin;
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** What the stack tells outside: names, no properties. */
function told(stack: Stack | undefined) {
  const resources = [...(stack?.resources ?? [])].map(([id, { type, ref, attributes }]) => [
    id,
    { type, ref, attributes },
  ]);
  return { resources: Object.fromEntries(resources), outputs: stack?.outputs ?? {} };
}

/** Stops in the order: callers before those they call, state, port. One failure does not keep the rest from stopping. */
async function stopAll(kernel: Kernel, ...rest: (() => Promise<void> | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  const steps = [
    ...kernel
      .services()
      .toReversed()
      .map((service) => async () => service.stop?.()),
    ...rest,
  ];
  for (const step of steps) await Promise.resolve(step()).catch((cause: unknown) => failures.push(cause));
  if (failures.length > 0) throw new AggregateError(failures, `The twin did not stop cleanly: ${failures.join("; ")}`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`The template ${path} cannot be read; run \`npx serverless package\` first. (${String(cause)})`, {
      cause,
    });
  }
}

/** `serverless package` writes service and stage beside the template. */
function packagedStackName(artifacts: string): string | undefined {
  const path = join(artifacts, "serverless-state.json");
  if (!existsSync(path)) return undefined;
  const { service } = readJson(path) as {
    service?: { service?: string; provider?: { stage?: string; stackName?: string } };
  };
  if (service?.provider?.stackName) return service.provider.stackName;
  return service?.service ? `${service.service}-${service.provider?.stage ?? "dev"}` : undefined;
}
