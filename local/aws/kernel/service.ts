import type { AwsError } from "./errors.ts";
import type { TraceContext } from "./trace.ts";

/** Who makes a call, as IAM sees it. */
export type Principal =
  | { readonly kind: "administrator"; readonly arn: string }
  /** `arn` is the assumed-role session; `roleArn` the role whose policies decide. */
  | { readonly kind: "role"; readonly arn: string; readonly roleArn: string }
  /** An AWS service acting for a resource, such as a rule (`sourceArn`) that delivers to a queue. */
  | { readonly kind: "service"; readonly arn: string; readonly service: string; readonly sourceArn: string };

/** What travels with a call beside its input. */
export interface CallContext {
  readonly principal: Principal;
  readonly requestId: string;
  /** The caller's `X-Amzn-Trace-Id` header, raw. */
  readonly traceHeader?: string;
  readonly signal?: AbortSignal;
}

/** One question to IAM: may the caller do `action` on `resource`? */
export interface Access {
  readonly action: string;
  readonly resource: string;
  /** Condition keys of this call beyond the global ones, such as `events:source`. */
  readonly conditions?: Readonly<Record<string, string | readonly string[]>>;
  /** The resource's own policy (queue policy, function permissions), if it has one. */
  readonly resourcePolicy?: PolicyDocument;
}

export interface PolicyDocument {
  readonly Version?: string;
  readonly Statement: PolicyStatement | readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One API operation. `access` is asked before `run`; a denial never reaches `run`. */
// biome-ignore lint/suspicious/noExplicitAny: an operation's input is whatever its wire shape says
export interface Operation<Input = any, Output = unknown> {
  access(input: Input, context: CallContext): readonly Access[];
  run(input: Input, context: CallContext): Output | Promise<Output>;
}

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface WireResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream needs its `content-length` among the headers. */
  readonly body?: string | Buffer | AsyncIterable<Buffer>;
}

/** A request whose body nobody has read yet. */
export interface StreamingRequest extends Omit<WireRequest, "body"> {
  /** The path as it was sent: neither decoded nor normalised. */
  readonly rawPath: string;
  readonly body: AsyncIterable<Buffer>;
}

/** A request that its service has understood by itself. */
export interface OwnExchange {
  readonly operation: string;
  /** Decodes the operation's input. @throws AwsError when the request cannot be read */
  input(): unknown;
  answer(output: unknown, requestId: string): WireResponse;
  fail(error: AwsError, requestId: string): WireResponse;
}

/** One route of a REST protocol service; `path` may hold `:Name` parameters, which match one URL-decoded segment. */
export interface RestRoute {
  readonly method: string;
  readonly path: string;
  readonly operation: string;
  /** Builds the operation's input; default: the JSON body with the path parameters and query laid over it. */
  input?(request: WireRequest, params: Readonly<Record<string, string>>): unknown;
  /** Writes the operation's output; default: 200 with a JSON body. */
  output?(output: unknown, request: WireRequest): WireResponse;
}

export type Wire =
  | { readonly kind: "json"; readonly version: "1.0" | "1.1"; readonly targetPrefix: string }
  | { readonly kind: "rest"; readonly routes: readonly RestRoute[] }
  | { readonly kind: "query"; readonly xmlns: string }
  /** A protocol of its own, recognised by the signing name alone; bodies are streams of any size. */
  | { readonly kind: "own"; readonly understand: (request: StreamingRequest) => OwnExchange };

/** What a provider gives back for `Ref` and `Fn::GetAtt`. */
export interface Provisioned {
  readonly ref: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Makes one CloudFormation resource type real in the twin. */
export interface ResourceProvider {
  readonly type: string;
  /** Every property the provider understands; any other stops the boot. */
  readonly properties: readonly string[];
  /**
   * Makes the resource, or gives the one of its name these properties; its contents stay. Intrinsics inside
   * `properties` are resolved already.
   */
  create(resource: TemplateResource): Provisioned | Promise<Provisioned>;
  /** The name of what stands in the way of making the resource; absent where AWS would not mind. */
  taken?(resource: TemplateResource): string | undefined | Promise<string | undefined>;
  /** Removes the resource; one that is gone already is no failure. */
  delete(resource: MadeResource): void | Promise<void>;
}

export interface TemplateResource {
  readonly logicalId: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each provider checks the properties it takes
  readonly properties: Readonly<Record<string, any>>;
  readonly stackName: string;
  /** See `physicalName`. */
  readonly generation?: string;
  /** Folder of the packaged artifacts (`.serverless`); absent: they are in the bucket that the template names. */
  readonly artifacts?: string;
  /** The properties that are changed, when the resource is changed in place. */
  // biome-ignore lint/suspicious/noExplicitAny: each provider checks the properties it takes
  readonly before?: Readonly<Record<string, any>>;
}

/** A resource as it was made. */
export interface MadeResource extends Omit<TemplateResource, "before">, Provisioned {}

/** Values of metrics that AWS publishes by itself, by name; all of one thing and of one moment. */
export interface Measurement {
  readonly namespace: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, number>>;
}

/** A service of the twin: its wire protocol, its operations, and the resource types it makes. */
export interface Service {
  /** SigV4 signing name; also the name other services call it by. */
  readonly name: string;
  readonly wire: Wire;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly resources?: readonly ResourceProvider[];
  /** What CloudWatch is told every minute. */
  gauges?(): readonly Measurement[];
  /** State worth keeping over a restart, as JSON. */
  snapshot?(): unknown;
  /** Takes back a snapshot; called before the template is deployed. */
  restore?(state: unknown): void | Promise<void>;
  /** Starts pollers; called after the template is deployed and the port listens. */
  start?(): void | Promise<void>;
  /** Ends pollers and workers; must leave no timer behind. */
  stop?(): void | Promise<void>;
}

/** A segment or subsegment document. https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
export interface SegmentDocument {
  readonly name: string;
  readonly id: string;
  readonly trace_id: string;
  readonly start_time: number;
  readonly end_time?: number;
  readonly in_progress?: boolean;
  readonly parent_id?: string;
  readonly type?: "subsegment";
  readonly [field: string]: unknown;
}

export type { TraceContext };
