import { NormalizedSchema } from "@smithy/core/schema";
import { AwsError } from "../kernel/errors.ts";

/** Of an operation: its input stands at the fifth place. */
type Declaration = { readonly 4: Parameters<typeof NormalizedSchema.of>[0] };

/**
 * AWS's own declarations of its operations, which the clients of its SDK carry: read when a service is first called.
 * S3 reads its inputs by itself, and STS gets nothing but texts.
 */
const DECLARATIONS: Readonly<Record<string, () => Promise<object>>> = {
  dynamodb: () => import("@aws-sdk/client-dynamodb"),
  ecr: () => import("@aws-sdk/client-ecr"),
  events: () => import("@aws-sdk/client-eventbridge"),
  lambda: () => import("@aws-sdk/client-lambda"),
  logs: () => import("@aws-sdk/client-cloudwatch-logs"),
  monitoring: () => import("@aws-sdk/client-cloudwatch"),
  secretsmanager: () => import("@aws-sdk/client-secrets-manager"),
  sqs: () => import("@aws-sdk/client-sqs"),
  ssm: () => import("@aws-sdk/client-ssm"),
  states: () => import("@aws-sdk/client-sfn"),
  xray: () => import("@aws-sdk/client-xray"),
};
/** Where a member of a REST call stands when it is not in the body, where it is text. */
const BESIDE_THE_BODY = ["httpLabel", "httpQuery", "httpQueryParams", "httpHeader", "httpPayload"] as const;
const NO_NUMBERS: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity"]);

/**
 * An input as its operation is declared: what is null counts as absent, and what is not declared is left alone.
 * @throws AwsError `SerializationException` for a member of another type; `ValidationException`, or the service's own name for it, for a member that is missing
 */
export async function asDeclared(service: string, operation: string, input: unknown): Promise<unknown> {
  const client = (await DECLARATIONS[service]?.()) as Readonly<Record<string, Declaration>> | undefined;
  const declared = client?.[`${operation}$`];
  if (!declared) return input;
  const missing: string[] = [];
  const read = readAs(NormalizedSchema.of(declared[4]), input, "", missing);
  if (missing.length > 0) throw lacking(service, missing);
  return read;
}

function readAs(schema: NormalizedSchema, value: unknown, path: string, missing: string[]): unknown {
  if (schema.isDocumentSchema()) return value;
  if (schema.isListSchema()) return readList(schema, value, path, missing);
  if (schema.isMapSchema()) return readMap(schema, value, path, missing);
  if (schema.isStructSchema() || schema.isUnitSchema()) return readStructure(schema, value, path, missing);
  if (!isSimple(schema, value)) throw unexpected(value, path);
  return value;
}

function readList(schema: NormalizedSchema, value: unknown, path: string, missing: string[]): unknown {
  if (!Array.isArray(value)) throw unexpected(value, path);
  const item = schema.getValueSchema();
  return value.map((one, index) => readAs(item, one, `${path}.${index + 1}.member`, missing));
}

function readMap(schema: NormalizedSchema, value: unknown, path: string, missing: string[]): unknown {
  const item = schema.getValueSchema();
  const entries = Object.entries(objectOf(value, path)).filter(([, one]) => one !== null);
  // The names are the caller's, and no part of what is told.
  return Object.fromEntries(entries.map(([name, one]) => [name, readAs(item, one, `${path}.value`, missing)]));
}

function readStructure(schema: NormalizedSchema, value: unknown, path: string, missing: string[]): unknown {
  const given = Object.entries(objectOf(value, path)).filter(([, one]) => one !== null);
  const read = new Map<string, unknown>(given);
  const required = requiredOf(schema);
  for (const [name, member] of schema.structIterator()) {
    const { jsonName } = member.getMergedTraits();
    const key = typeof jsonName === "string" ? jsonName : name;
    const at = path === "" ? lowerFirst(name) : `${path}.${lowerFirst(name)}`;
    if (isBesideTheBody(member)) continue;
    if (read.has(key)) read.set(key, readAs(member, read.get(key), at, missing));
    else if (required.has(name)) missing.push(at);
  }
  return Object.fromEntries(read);
}

/** A declaration names its required members first, and says how many they are. */
function requiredOf(schema: NormalizedSchema): ReadonlySet<string> {
  if (schema.isUnitSchema()) return new Set();
  const { 4: names, 6: count = 0 } = schema.getSchema() as unknown as { 4: readonly string[]; 6?: number };
  return new Set(names.slice(0, count));
}

function isBesideTheBody(member: NormalizedSchema): boolean {
  const traits = member.getMergedTraits();
  return BESIDE_THE_BODY.some((name) => traits[name] !== undefined);
}

function isSimple(schema: NormalizedSchema, value: unknown): boolean {
  if (schema.isBooleanSchema()) return typeof value === "boolean";
  if (schema.isTimestampSchema()) return typeof value === "number" || typeof value === "string";
  if (schema.isNumericSchema() || schema.isBigIntegerSchema() || schema.isBigDecimalSchema())
    return typeof value === "number" || NO_NUMBERS.has(value);
  return typeof value === "string";
}

function objectOf(value: unknown, path: string): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unexpected(value, path);
  return value;
}

/** The types of what came, as AWS calls them. */
function unexpected(value: unknown, path: string): AwsError {
  const kind = value === null ? "NULL" : Array.isArray(value) ? "LIST" : typeof value === "object" ? "STRUCTURE" : "";
  const name = kind || { string: "STRING", number: "NUMBER", boolean: "BOOLEAN" }[String(typeof value)];
  return serialization(`${name}_VALUE is not what '${path}' is made of`);
}

function serialization(message: string): AwsError {
  return new AwsError("SerializationException", message);
}

/** The services that do not say ValidationException. */
const MISSING: Readonly<Record<string, string>> = {
  lambda: "InvalidParameterValueException",
  logs: "InvalidParameterException",
  monitoring: "MissingParameter",
  sqs: "MissingRequiredParameterException",
  xray: "InvalidRequestException",
};

function lacking(service: string, missing: readonly string[]): AwsError {
  const [first = ""] = missing;
  const code = MISSING[service] ?? "ValidationException";
  if (service === "sqs" || service === "monitoring") {
    const name = first.charAt(0).toUpperCase() + first.slice(1);
    return new AwsError(code, `The request must contain the parameter ${name}.`, { queryCode: "MissingParameter" });
  }
  const problems = missing.map((at) => `Value null at '${at}' failed to satisfy constraint: Member must not be null`);
  const count = `${missing.length} validation error${missing.length === 1 ? "" : "s"} detected: `;
  return new AwsError(code, count + problems.join("; "));
}

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
