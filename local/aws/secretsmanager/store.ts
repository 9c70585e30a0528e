import { createHash, randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { arn } from "../kernel/names.ts";
import type { PolicyDocument } from "../kernel/service.ts";

const MAX_SECRET_BYTES = 65_536;
const MAX_VERSIONS = 100;
const MIN_WINDOW_DAYS = 7;
const MAX_WINDOW_DAYS = 30;
const DAY_SECONDS = 86_400;

/** One value of a secret; binary values stay in base64, as on the wire. */
export interface SecretVersion {
  readonly VersionId: string;
  readonly SecretString?: string;
  readonly SecretBinary?: string;
  readonly CreatedDate: number;
  stages: string[];
}

export interface Tag {
  readonly Key: string;
  readonly Value?: string;
}

export interface Secret {
  readonly Name: string;
  readonly ARN: string;
  readonly CreatedDate: number;
  LastChangedDate: number;
  Description?: string;
  Tags?: readonly Tag[];
  /** Seconds; when its deletion was asked for, and when it is final. */
  DeletedDate?: number;
  DeletionDate?: number;
  /** Digest of the value that the template gave last; a value put by hand outlives a boot with the same template. */
  templateValue?: string;
  resourcePolicy?: PolicyDocument;
  versions: SecretVersion[];
}

/** A new value of a secret, as the calls carry it. */
export interface ValueInput {
  readonly SecretString?: string;
  readonly SecretBinary?: string;
  readonly ClientRequestToken?: string;
  readonly VersionStages?: readonly string[];
}

/** Secrets by name. */
export type Secrets = Map<string, Secret>;

/** The ARN of a secret: Secrets Manager appends six characters to the name. Derived, so that it survives a restart. */
export function secretArn(name: string): string {
  const suffix = createHash("sha256")
    .update(name)
    .digest("base64")
    .replace(/[^A-Za-z0-9]/g, "")
    .slice(0, 6);
  return arn("secretsmanager", `secret:${name}-${suffix}`);
}

/** Finds a secret by name, full ARN, or ARN without its suffix. */
export function findSecret(secrets: Secrets, id: string): Secret | undefined {
  return secrets.get(id) ?? [...secrets.values()].find(({ ARN }) => ARN === id || ARN.slice(0, -7) === id);
}

/** @throws AwsError `ResourceNotFoundException` */
export function requireSecret(secrets: Secrets, id: string): Secret {
  const secret = findSecret(secrets, id);
  if (secret) return secret;
  throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

/** @throws AwsError `ResourceNotFoundException`, or `InvalidRequestException` for one that is scheduled for deletion */
export function requireLive(secrets: Secrets, id: string): Secret {
  const secret = requireSecret(secrets, id);
  if (secret.DeletedDate === undefined) return secret;
  throw new AwsError(
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
  );
}

export function createSecret(secrets: Secrets, name: string, now: number): Secret {
  if (secrets.get(name)?.DeletedDate !== undefined)
    throw new AwsError(
      "InvalidRequestException",
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  if (secrets.has(name))
    throw new AwsError("ResourceExistsException", `The operation failed because the secret ${name} already exists.`);
  const seconds = now / 1000;
  const secret = { Name: name, ARN: secretArn(name), CreatedDate: seconds, LastChangedDate: seconds, versions: [] };
  secrets.set(name, secret);
  return secret;
}

/**
 * Schedules the deletion, or deletes at once.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
 */
export function deleteSecret(
  secrets: Secrets,
  secret: Secret,
  input: { readonly RecoveryWindowInDays?: number; readonly ForceDeleteWithoutRecovery?: boolean },
  now: number,
): number {
  const { RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force = false } = input;
  if (force && days !== undefined)
    throw new AwsError(
      "InvalidParameterException",
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  if (days !== undefined && (days < MIN_WINDOW_DAYS || days > MAX_WINDOW_DAYS))
    throw new AwsError(
      "InvalidParameterException",
      "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    );
  if (force) {
    secrets.delete(secret.Name);
    return now / 1000;
  }
  secret.DeletedDate = now / 1000;
  secret.DeletionDate = now / 1000 + (days ?? MAX_WINDOW_DAYS) * DAY_SECONDS;
  return secret.DeletionDate;
}

/** Forgets what nobody can restore any more. */
export function purge(secrets: Secrets, now: number): void {
  for (const { Name, DeletionDate } of secrets.values())
    if (DeletionDate !== undefined && DeletionDate * 1000 <= now) secrets.delete(Name);
}

/**
 * Adds a version and moves the staging labels to it: the version that was AWSCURRENT becomes AWSPREVIOUS.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 */
export function putValue(secret: Secret, input: ValueInput, now: number): SecretVersion {
  const { SecretString, SecretBinary, ClientRequestToken: VersionId = randomUUID() } = input;
  checkValue(SecretString, SecretBinary);
  const same = secret.versions.find((version) => version.VersionId === VersionId);
  if (same) {
    if (same.SecretString === SecretString && same.SecretBinary === SecretBinary) return same;
    throw new AwsError(
      "ResourceExistsException",
      "You can't modify an existing version, you can only create a new version.",
    );
  }
  const stages = [...(input.VersionStages ?? ["AWSCURRENT"])];
  const before = secret.versions.find((version) => version.stages.includes("AWSCURRENT"));
  if (!before && !stages.includes("AWSCURRENT")) stages.push("AWSCURRENT");
  for (const version of secret.versions) {
    const moved = stages.includes("AWSCURRENT") ? [...stages, "AWSPREVIOUS"] : stages;
    version.stages = version.stages.filter((stage) => !moved.includes(stage));
  }
  if (stages.includes("AWSCURRENT")) before?.stages.push("AWSPREVIOUS");
  const version: SecretVersion = {
    VersionId,
    ...(SecretString === undefined ? {} : { SecretString }),
    ...(SecretBinary === undefined ? {} : { SecretBinary }),
    CreatedDate: now / 1000,
    stages,
  };
  secret.versions = [...secret.versions.filter(({ stages }) => stages.length > 0), version].slice(-MAX_VERSIONS);
  secret.LastChangedDate = now / 1000;
  return version;
}

/** @throws AwsError `ResourceNotFoundException` or `InvalidRequestException` in the words of Secrets Manager */
export function findVersion(secret: Secret, id: string | undefined, stage: string | undefined): SecretVersion {
  const label = stage ?? "AWSCURRENT";
  const version = secret.versions.find((v) => (id ? v.VersionId === id : v.stages.includes(label)));
  if (!version)
    throw new AwsError(
      "ResourceNotFoundException",
      id
        ? `Secrets Manager can't find the specified secret value for VersionId: ${id}`
        : `Secrets Manager can't find the specified secret value for staging label: ${label}`,
    );
  if (id && stage && !version.stages.includes(stage))
    throw new AwsError(
      "InvalidRequestException",
      "You provided a VersionStage that is not associated to the provided VersionId.",
    );
  return version;
}

function checkValue(text: string | undefined, binary: string | undefined): void {
  if ((text === undefined) === (binary === undefined))
    throw new AwsError("InvalidParameterException", "You must provide either SecretString or SecretBinary.");
  const size = text === undefined ? Buffer.from(binary ?? "", "base64").length : Buffer.byteLength(text);
  if (size > MAX_SECRET_BYTES)
    throw new AwsError("InvalidParameterException", `The secret value exceeds ${MAX_SECRET_BYTES} bytes.`);
}
