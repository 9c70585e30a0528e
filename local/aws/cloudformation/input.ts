import { text } from "node:stream/consumers";
import { AwsError, TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";
import { validationError } from "./errors.ts";

/** A list as the query protocol has it: an empty one is sent as empty text. */
type List<Member> = readonly Member[] | "";

/** What the calls take, taken together; each reads what it knows. */
export interface Input {
  readonly StackName?: string;
  readonly ChangeSetName?: string;
  readonly ChangeSetType?: string;
  readonly TemplateBody?: string;
  readonly TemplateURL?: string;
  readonly Parameters?: List<ParameterInput>;
  readonly Capabilities?: List<string>;
  readonly Tags?: List<Tag>;
  readonly ResourcesToImport?: List<ToImport>;
  readonly LogicalResourceId?: string;
  readonly PhysicalResourceId?: string;
  readonly EnableTerminationProtection?: string;
  readonly NextToken?: string;
}

interface ParameterInput {
  readonly ParameterKey: string;
  readonly ParameterValue?: string;
  readonly UsePreviousValue?: string;
}

/** A map, as the query protocol has it. */
interface ToImport {
  readonly ResourceType: string;
  readonly LogicalResourceId: string;
  readonly ResourceIdentifier?: { readonly entry?: readonly { readonly key: string; readonly value: string }[] };
}

/** The name of what each logical id takes over. */
export function importsOf({ ResourcesToImport }: Input): Record<string, string> {
  return Object.fromEntries(
    listOf(ResourcesToImport).map(({ LogicalResourceId, ResourceIdentifier }) => [
      LogicalResourceId,
      ResourceIdentifier?.entry?.[0]?.value ?? "",
    ]),
  );
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** Most that CloudFormation takes. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const MAX_BODY_BYTES = 51_200;
const MAX_STORED_BYTES = 1_048_576;

export function listOf<Member>(list: List<Member> | undefined): readonly Member[] {
  return list ? list : [];
}

/** Parameters by name; a former value where the call asks for it. */
export function parametersOf(
  { Parameters }: Input,
  former: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    listOf(Parameters).map(({ ParameterKey, ParameterValue = "", UsePreviousValue }) => [
      ParameterKey,
      UsePreviousValue === "true" ? (former[ParameterKey] ?? "") : ParameterValue,
    ]),
  );
}

/**
 * The text of the template that a call gives, or names in a bucket.
 * @throws AwsError `ValidationError`
 */
export async function templateText(kernel: Kernel, input: Input, principal: Principal): Promise<string> {
  const { TemplateBody, TemplateURL } = input;
  if (TemplateBody !== undefined) return limited(TemplateBody, MAX_BODY_BYTES);
  if (TemplateURL === undefined) throw validationError("Either Template URL or Template Body must be specified.");
  const [Bucket, ...key] = decodeURIComponent(URL.parse(TemplateURL)?.pathname.slice(1) ?? "").split("/");
  try {
    const object = await kernel.call("s3", "GetObject", { Bucket, Key: key.join("/") }, { principal });
    return limited(await text(object.Body), MAX_STORED_BYTES);
  } catch (cause) {
    if (cause instanceof AwsError && cause.code !== "ValidationError")
      throw validationError(`S3 error: ${cause.message}`);
    throw cause;
  }
}

function limited(template: string, most: number): string {
  const bytes = Buffer.byteLength(template);
  if (bytes <= most) return template;
  throw validationError(`The template has ${bytes} bytes; CloudFormation takes ${most} in this way.`);
}

/** @throws AwsError `ValidationError` for what is no JSON object */
export function parseTemplate(template: string): TemplateSource {
  try {
    const parsed: unknown = JSON.parse(template);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as TemplateSource;
  } catch {
    // Told below, without the template's words.
  }
  throw validationError("Template format error: the twin reads JSON, and this is no JSON object.");
}

/** What the calls tell of a template beyond what is deployed. */
export interface TemplateSource {
  readonly Description?: string;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown; readonly Description?: string }>>;
  readonly Resources?: Readonly<
    Record<
      string,
      { readonly Type?: string; readonly Properties?: Record<string, unknown>; readonly DeletionPolicy?: string }
    >
  >;
  readonly Outputs?: Readonly<Record<string, { readonly Description?: string; readonly Export?: unknown }>>;
}

/** Capabilities that a template needs: it makes roles or policies, or names them. */
export function capabilitiesOf({ Resources = {} }: TemplateSource): string[] {
  const iam = Object.values(Resources).filter(({ Type }) => Type?.startsWith("AWS::IAM::"));
  if (iam.length === 0) return [];
  const named = iam.some(({ Properties = {} }) => Properties.RoleName ?? Properties.ManagedPolicyName);
  return [named ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM"];
}

/** @throws AwsError `InsufficientCapabilitiesException` */
export function requireCapabilities(source: TemplateSource, given: readonly string[]): void {
  const missing = capabilitiesOf(source).filter(
    (needed) => !given.includes(needed) && !(needed === "CAPABILITY_IAM" && given.includes("CAPABILITY_NAMED_IAM")),
  );
  if (missing.length === 0) return;
  throw new AwsError("InsufficientCapabilitiesException", `Requires capabilities : [${missing.join(", ")}]`);
}

/** Runs a step and gives what the twin says of a template as CloudFormation would. */
export async function refusing<Result>(step: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (cause) {
    if (cause instanceof TemplateError) throw validationError(`Template error: ${cause.message}`);
    throw cause;
  }
}
