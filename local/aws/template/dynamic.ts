import { AwsError, TemplateError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { Place } from "./intrinsics.ts";

const REFERENCE = /\{\{resolve:([a-z-]+):([^{}]*)\}\}/g;

/**
 * Replaces the dynamic references inside a resource's evaluated properties.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
 * @throws TemplateError for a service other than ssm, ssm-secure and secretsmanager, or a value that does not exist
 */
export async function resolveDynamic(kernel: Kernel, value: unknown, place: Place): Promise<unknown> {
  if (typeof value === "string") return value.includes("{{resolve:") ? resolveText(kernel, value, place) : value;
  if (Array.isArray(value))
    return Promise.all(
      value.map((item, index) => resolveDynamic(kernel, item, { ...place, path: `${place.path}[${index}]` })),
    );
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(
    async ([key, member]) =>
      [key, await resolveDynamic(kernel, member, { ...place, path: `${place.path}.${key}` })] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function resolveText(kernel: Kernel, text: string, place: Place): Promise<string> {
  let resolved = text;
  for (const [reference, service, argument] of text.matchAll(REFERENCE)) {
    const value = await lookUp(kernel, service ?? "", argument ?? "", place);
    resolved = resolved.replace(reference, () => value);
  }
  return resolved;
}

async function lookUp(kernel: Kernel, service: string, argument: string, place: Place): Promise<string> {
  try {
    if (service === "ssm" || service === "ssm-secure") return await readParameter(kernel, argument);
    if (service === "secretsmanager") return await readSecret(kernel, argument);
  } catch (cause) {
    if (!(cause instanceof AwsError)) throw cause;
    throw new TemplateError(place.logicalId, place.path, `{{resolve:${service}:${argument}}}: ${cause.message}`);
  }
  throw new TemplateError(place.logicalId, place.path, `the twin does not support {{resolve:${service}:…}}`);
}

async function readParameter(kernel: Kernel, name: string): Promise<string> {
  const output = await kernel.call(
    "ssm",
    "GetParameter",
    { Name: name, WithDecryption: true },
    { principal: ADMINISTRATOR },
  );
  return output.Parameter.Value;
}

/** `secret-id:SecretString:json-key:version-stage:version-id`, where the id may be an ARN with its own colons. */
async function readSecret(kernel: Kernel, argument: string): Promise<string> {
  const parts = argument.split(":");
  const SecretId = parts.splice(0, argument.startsWith("arn:") ? 7 : 1).join(":");
  const [kind = "SecretString", jsonKey, VersionStage, VersionId] = parts;
  if (kind !== "SecretString" && kind !== "")
    throw new AwsError("ValidationError", `only SecretString can be resolved, not ${kind}`);
  const { SecretString } = await kernel.call(
    "secretsmanager",
    "GetSecretValue",
    { SecretId, ...(VersionStage ? { VersionStage } : {}), ...(VersionId ? { VersionId } : {}) },
    { principal: ADMINISTRATOR },
  );
  if (!jsonKey) return SecretString;
  const value = (JSON.parse(SecretString) as Record<string, unknown>)[jsonKey];
  if (value === undefined) throw new AwsError("ValidationError", `the secret has no JSON key '${jsonKey}'`);
  return typeof value === "string" ? value : JSON.stringify(value);
}
