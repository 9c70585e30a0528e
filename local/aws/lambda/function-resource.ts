import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import { physicalName } from "../kernel/names.ts";
import type { TemplateResource } from "../kernel/service.ts";
import { unpack, unpackFile, unpackInline } from "./code.ts";
import { destinationProblem } from "./destinations.ts";
import { derivedUuid, Properties } from "./properties.ts";
import { functionArn, LATEST } from "./registry.ts";
import type { Code, FunctionVersion, Logging } from "./types.ts";
import { RESERVED } from "./variables.ts";

/** What the twin takes of AWS::Lambda::Function; those without effect on a laptop come last. */
export const FUNCTION_PROPERTIES = [
  "Architectures",
  "Code",
  "DeadLetterConfig",
  "Description",
  "Environment",
  "EphemeralStorage",
  "FunctionName",
  "Handler",
  "Layers",
  "LoggingConfig",
  "MemorySize",
  "PackageType",
  "ReservedConcurrentExecutions",
  "Role",
  "Runtime",
  "SnapStart",
  "Timeout",
  "TracingConfig",
  "VpcConfig",
  "KmsKeyArn",
  "RuntimeManagementConfig",
  "Tags",
] as const;

const REFUSED: Readonly<Record<string, string>> = {
  Layers: "the twin runs a package as it is; bundle what the layers hold into it",
  VpcConfig: "the twin has no network of its own; keep the function outside a VPC",
};

/** All variables of a function together. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_VARIABLES_BYTES = 4096;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
const SYSTEM_LEVELS = ["DEBUG", "INFO", "WARN"] as const;

/**
 * The `$LATEST` configuration that a template asks for.
 * @throws TemplateError for a missing package or role, and for what the twin does not reproduce
 */
export async function readFunction(
  kernel: Kernel,
  resource: TemplateResource,
  artifacts: string,
): Promise<FunctionVersion> {
  const properties = Properties.of(resource);
  for (const name of properties.names()) if (REFUSED[name]) properties.fail(name, REFUSED[name]);
  const name = functionName(resource);
  properties.oneOf("PackageType", ["Zip"], "Zip");
  properties.object("SnapStart", ["ApplyOn"]).oneOf("ApplyOn", ["None"], "None");
  const configuration = {
    name,
    version: LATEST,
    arn: functionArn(name),
    role: readRole(kernel, properties),
    handler: properties.text("Handler"),
    runtime: readRuntime(properties),
    architectures: properties.has("Architectures") ? properties.texts("Architectures") : ["x86_64"],
    description: properties.optionalText("Description") ?? "",
    memorySize: properties.integer("MemorySize", 128, 10_240) ?? 128,
    timeout: properties.integer("Timeout", 1, 900) ?? 3,
    ephemeralStorage: properties.object("EphemeralStorage", ["Size"]).integer("Size", 512, 10_240) ?? 512,
    variables: readVariables(properties),
    tracing: properties.object("TracingConfig", ["Mode"]).oneOf("Mode", ["Active", "PassThrough"], "PassThrough"),
    logging: readLogging(properties, name),
    ...readDeadLetter(properties),
    code: await readCode(
      kernel,
      properties,
      resource.artifacts === undefined ? undefined : resource.artifacts || artifacts,
    ),
  };
  if (configuration.tracing === "Active") checkTracingPermission(kernel, properties, configuration.role);
  const revisionId = derivedUuid(JSON.stringify(configuration));
  const lastModified = new Date(kernel.clock.now()).toISOString().replace("Z", "+0000");
  return { ...configuration, revisionId, lastModified };
}

export function functionName(resource: TemplateResource): string {
  return resource.properties.FunctionName ?? physicalName(resource);
}

function readRole(kernel: Kernel, properties: Properties): string {
  const role = properties.text("Role");
  properties.within("Role", () => kernel.identities.assume(role, "lambda.amazonaws.com", "deploy"));
  return role;
}

/** Lambda refuses active tracing to a role that may not send segments. https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html */
function checkTracingPermission(kernel: Kernel, properties: Properties, role: string): void {
  const { principal } = kernel.identities.assume(role, "lambda.amazonaws.com", "deploy");
  const access = { action: "xray:PutTraceSegments", resource: "*" };
  properties.within("TracingConfig", () => kernel.identities.authorize(principal, access));
}

function readRuntime(properties: Properties): string {
  const runtime = properties.text("Runtime");
  if (/^nodejs\d+\.x$/.test(runtime)) return runtime;
  return properties.fail("Runtime", `the twin runs Node.js only, not '${runtime}'`);
}

function readVariables(properties: Properties): Record<string, string> {
  const inner = properties.object("Environment", ["Variables"]).record("Variables");
  const variables = Object.fromEntries(inner.names().map((name) => [name, inner.text(name)]));
  for (const name of Object.keys(variables)) {
    if (RESERVED.has(name)) inner.fail(name, "is a reserved key of Lambda; choose another name");
    if (!/^[A-Za-z]\w+$/.test(name)) inner.fail(name, "must be a letter followed by letters, digits or underscores");
  }
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes > MAX_VARIABLES_BYTES)
    properties.fail("Environment.Variables", `take ${bytes} bytes; Lambda allows ${MAX_VARIABLES_BYTES} in all`);
  return variables;
}

function readLogging(properties: Properties, name: string): Logging {
  const members = ["LogFormat", "LogGroup", "ApplicationLogLevel", "SystemLogLevel"];
  const logging = properties.object("LoggingConfig", members);
  const format = logging.oneOf("LogFormat", ["Text", "JSON"], "Text");
  const level = (member: string) => {
    if (!logging.has(member)) return format === "JSON" ? "INFO" : undefined;
    if (format === "Text") return logging.fail(member, "needs LogFormat JSON");
    return logging.oneOf(member, member === "SystemLogLevel" ? SYSTEM_LEVELS : LEVELS, "INFO");
  };
  const applicationLevel = level("ApplicationLogLevel");
  const systemLevel = level("SystemLogLevel");
  return {
    group: logging.optionalText("LogGroup") ?? `/aws/lambda/${name}`,
    format,
    ...(applicationLevel ? { applicationLevel } : {}),
    ...(systemLevel ? { systemLevel } : {}),
  };
}

function readDeadLetter(properties: Properties): { deadLetterArn?: string } {
  const config = properties.object("DeadLetterConfig", ["TargetArn"]);
  const target = config.optionalText("TargetArn");
  if (!target) return {};
  const problem = target.split(":")[2] === "sqs" ? undefined : destinationProblem(target);
  return problem ? config.fail("TargetArn", problem) : { deadLetterArn: target };
}

/** @param artifacts folder of the packages; absent: they are in the bucket */
async function readCode(kernel: Kernel, properties: Properties, artifacts: string | undefined): Promise<Code> {
  const code = properties.object("Code", ["S3Bucket", "S3Key", "S3ObjectVersion", "ZipFile"]);
  const inline = code.optionalText("ZipFile");
  if (inline !== undefined) return unpackInline(inline);
  if (artifacts === undefined) return readStoredCode(kernel, code);
  const path = join(artifacts, basename(code.text("S3Key")));
  if (!existsSync(path)) code.fail("S3Key", `there is no package ${path}; run \`npx serverless package\` first`);
  try {
    return unpackFile(path);
  } catch (cause) {
    return code.fail("S3Key", `the package ${path} cannot be unpacked: ${(cause as Error).message}`);
  }
}

async function readStoredCode(kernel: Kernel, code: Properties): Promise<Code> {
  const [Bucket, Key] = [code.text("S3Bucket"), code.text("S3Key")];
  return code.awaitWithin("S3Key", async () => {
    const object = await kernel.call("s3", "GetObject", { Bucket, Key }, { principal: ADMINISTRATOR });
    return unpack(await buffer(object.Body));
  });
}
