import { createHash } from "node:crypto";
import { readPolicy } from "../iam/document.ts";
import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { arn, physicalName } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Access, Operation, ResourceProvider, Service } from "../kernel/service.ts";
import { generateSecretString } from "./generate.ts";
import {
  createSecret,
  deleteSecret,
  findSecret,
  findVersion,
  purge,
  putValue,
  requireLive,
  requireSecret,
  type Secret,
  type Secrets,
  type Tag,
  type ValueInput,
} from "./store.ts";

interface SecretInput extends ValueInput {
  readonly SecretId: string;
  readonly Name?: string;
  readonly Description?: string;
  readonly Tags?: readonly Tag[];
  readonly RecoveryWindowInDays?: number;
  readonly ForceDeleteWithoutRecovery?: boolean;
  readonly VersionId?: string;
  readonly VersionStage?: string;
}

interface ListInput {
  readonly MaxResults?: number;
  readonly NextToken?: string;
  readonly IncludePlannedDeletion?: boolean;
  readonly Filters?: readonly { readonly Key: string; readonly Values: readonly string[] }[];
}

/** Secrets Manager. https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html */
export function createSecretsManager(kernel: Kernel): Service {
  const secrets: Secrets = new Map();
  return {
    name: "secretsmanager",
    wire: { kind: "json", version: "1.1", targetPrefix: "secretsmanager." },
    operations: Object.fromEntries(
      Object.entries(operationsOf(kernel, secrets)).map(([name, operation]) => {
        const access: Operation["access"] = (...given) => {
          purge(secrets, kernel.clock.now());
          return operation.access(...given);
        };
        return [name, { ...operation, access }];
      }),
    ),
    resources: [secretProvider(kernel, secrets), policyProvider(secrets)],
    snapshot: () => [...secrets.values()],
    restore(state) {
      for (const secret of state as Secret[]) secrets.set(secret.Name, secret);
    },
  };
}

function operationsOf(kernel: Kernel, secrets: Secrets): Record<string, Operation> {
  const access = (action: string) => (input: SecretInput) => [accessTo(secrets, action, input.SecretId)];
  return {
    GetSecretValue: {
      access: access("GetSecretValue"),
      run: ({ SecretId, VersionId, VersionStage }: SecretInput) => {
        const secret = requireLive(secrets, SecretId);
        const { stages, ...version } = findVersion(secret, VersionId, VersionStage);
        return { ARN: secret.ARN, Name: secret.Name, ...version, VersionStages: stages };
      },
    },
    DescribeSecret: {
      access: access("DescribeSecret"),
      run: ({ SecretId }: SecretInput) => {
        const secret = requireSecret(secrets, SecretId);
        return { ...entry(secret), VersionIdsToStages: stagesOf(secret) };
      },
    },
    ListSecrets: {
      access: () => [{ action: "secretsmanager:ListSecrets", resource: "*" }],
      run: ({ MaxResults = 100, NextToken, Filters = [], IncludePlannedDeletion = false }: ListInput) => {
        const shown = [...secrets.values()].filter(
          ({ DeletedDate }) => IncludePlannedDeletion || DeletedDate === undefined,
        );
        const found = shown.filter((secret) => Filters.every((filter) => meetsFilter(secret, filter)));
        const { items, nextToken } = page(found, MaxResults, NextToken);
        const SecretList = items.map((secret) => ({ ...entry(secret), SecretVersionsToStages: stagesOf(secret) }));
        return { SecretList, ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
    CreateSecret: {
      access: ({ Name = "" }: SecretInput) => [accessTo(secrets, "CreateSecret", Name)],
      run: ({ Name = "", Description, Tags, ...value }: SecretInput) => {
        const secret = createSecret(secrets, Name, kernel.clock.now());
        Object.assign(secret, { ...(Description ? { Description } : {}), ...(Tags ? { Tags } : {}) });
        const version = isEmpty(value) ? undefined : putValue(secret, value, kernel.clock.now());
        return { ARN: secret.ARN, Name, ...(version ? { VersionId: version.VersionId } : {}) };
      },
    },
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    UpdateSecret: {
      access: access("UpdateSecret"),
      run: ({ SecretId, Description, ...value }: SecretInput) => {
        const secret = requireLive(secrets, SecretId);
        const version = isEmpty(value) ? undefined : putValue(secret, value, kernel.clock.now());
        if (Description !== undefined) secret.Description = Description;
        secret.LastChangedDate = kernel.clock.now() / 1000;
        return { ARN: secret.ARN, Name: secret.Name, ...(version ? { VersionId: version.VersionId } : {}) };
      },
    },
    TagResource: {
      access: access("TagResource"),
      run: ({ SecretId, Tags = [] }: SecretInput) => {
        const secret = requireLive(secrets, SecretId);
        const kept = (secret.Tags ?? []).filter(({ Key }) => !Tags.some((tag) => tag.Key === Key));
        secret.Tags = [...kept, ...Tags];
        return {};
      },
    },
    DeleteSecret: {
      access: access("DeleteSecret"),
      run: ({ SecretId, ...input }: SecretInput) => {
        const secret = requireLive(secrets, SecretId);
        const DeletionDate = deleteSecret(secrets, secret, input, kernel.clock.now());
        return { ARN: secret.ARN, Name: secret.Name, DeletionDate };
      },
    },
    RestoreSecret: {
      access: access("RestoreSecret"),
      run: ({ SecretId }: SecretInput) => {
        const secret = requireSecret(secrets, SecretId);
        delete secret.DeletedDate;
        delete secret.DeletionDate;
        return { ARN: secret.ARN, Name: secret.Name };
      },
    },
    PutSecretValue: {
      access: access("PutSecretValue"),
      run: ({ SecretId, ...value }: SecretInput) => {
        const secret = requireLive(secrets, SecretId);
        const { VersionId, stages } = putValue(secret, value, kernel.clock.now());
        return { ARN: secret.ARN, Name: secret.Name, VersionId, VersionStages: stages };
      },
    },
  };
}

function accessTo(secrets: Secrets, action: string, id: string): Access {
  const secret = findSecret(secrets, id);
  const unknown = id?.startsWith("arn:") ? id : arn("secretsmanager", `secret:${id}`);
  return {
    action: `secretsmanager:${action}`,
    resource: secret?.ARN ?? unknown,
    ...(secret?.resourcePolicy ? { resourcePolicy: secret.resourcePolicy } : {}),
  };
}

function stagesOf({ versions }: Secret): Record<string, readonly string[]> {
  return Object.fromEntries(versions.map(({ VersionId, stages }) => [VersionId, stages]));
}

function isEmpty({ SecretString, SecretBinary }: ValueInput): boolean {
  return SecretString === undefined && SecretBinary === undefined;
}

function entry(secret: Secret): Record<string, unknown> {
  const { ARN, Name, Description, Tags, CreatedDate, LastChangedDate, DeletedDate } = secret;
  return { ARN, Name, Description, Tags: Tags ?? [], CreatedDate, LastChangedDate, DeletedDate };
}

function meetsFilter({ Name, Description = "" }: Secret, { Key, Values }: { Key: string; Values: readonly string[] }) {
  if (Key === "name") return Values.some((value) => Name.startsWith(value));
  if (Key === "description") return Values.some((value) => Description.includes(value));
  if (Key === "all") return Values.some((value) => `${Name} ${Description}`.includes(value));
  throw new AwsError("InvalidParameterException", `The twin does not filter secrets by '${Key}'.`);
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html */
function secretProvider(kernel: Kernel, secrets: Secrets): ResourceProvider {
  return {
    type: "AWS::SecretsManager::Secret",
    properties: ["Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"],
    create(resource) {
      const { logicalId, properties } = resource;
      const name = properties.Name ?? physicalName(resource, 255);
      const known = secrets.get(name);
      const secret = known && !known.DeletedDate ? known : createSecret(secrets, name, kernel.clock.now());
      const { Description, Tags, SecretString, GenerateSecretString } = properties;
      Object.assign(secret, { ...(Description ? { Description } : {}), ...(Tags ? { Tags } : {}) });
      const source = SecretString ?? (GenerateSecretString ? JSON.stringify(GenerateSecretString) : undefined);
      const digest = source === undefined ? undefined : createHash("sha256").update(source).digest("hex");
      if (digest !== undefined && digest !== secret.templateValue) {
        const value = SecretString ?? generateSecretString(logicalId, GenerateSecretString);
        putValue(secret, { SecretString: value }, kernel.clock.now());
        secret.templateValue = digest;
      }
      return { ref: secret.ARN, attributes: { Id: secret.ARN } };
    },
    // One in its recovery window stands in the way too.
    taken: (resource) => secrets.get(resource.properties.Name ?? physicalName(resource, 255))?.Name,
    delete({ ref }) {
      const secret = findSecret(secrets, ref);
      if (secret && !secret.DeletedDate) deleteSecret(secrets, secret, {}, kernel.clock.now());
    },
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-resourcepolicy.html */
function policyProvider(secrets: Secrets): ResourceProvider {
  return {
    type: "AWS::SecretsManager::ResourcePolicy",
    properties: ["SecretId", "ResourcePolicy", "BlockPublicPolicy"],
    create({ logicalId, properties }) {
      const secret = requireSecret(secrets, properties.SecretId);
      secret.resourcePolicy = readPolicy(properties.ResourcePolicy, logicalId, "Properties.ResourcePolicy", "resource");
      return { ref: secret.ARN, attributes: { Id: secret.ARN } };
    },
    delete({ ref }) {
      const secret = findSecret(secrets, ref);
      if (secret) delete secret.resourcePolicy;
    },
  };
}
