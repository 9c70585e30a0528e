import type { Kernel } from "../kernel/kernel.ts";
import type { Provisioned, ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { destinationProblem } from "./destinations.ts";
import { FUNCTION_PROPERTIES, functionName, readFunction } from "./function-resource.ts";
import { canReserve } from "./invoker.ts";
import type { Mappings } from "./mapping/mappings.ts";
import { mappingProvider } from "./mapping/resource.ts";
import { permissionStatement } from "./policy.ts";
import type { Pool } from "./pool.ts";
import { derivedUuid, Properties } from "./properties.ts";
import { LATEST, parseFunctionName, type Registry } from "./registry.ts";

export interface ResourceParts {
  readonly kernel: Kernel;
  readonly registry: Registry;
  readonly mappings: Mappings;
  readonly pool: Pool;
  readonly artifacts: string;
}

/**
 * The CloudFormation resource types of Lambda.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
 */
export function lambdaResources(parts: ResourceParts): ResourceProvider[] {
  const { registry, mappings } = parts;
  return [
    {
      type: "AWS::Lambda::Function",
      properties: FUNCTION_PROPERTIES,
      create: (resource) => createFunction(parts, resource),
      taken: (resource) => registry.get(functionName(resource))?.name,
      delete: ({ ref }) => deleteFunction(parts, ref),
    },
    {
      type: "AWS::Lambda::Version",
      properties: ["FunctionName", "CodeSha256", "Description"],
      create: (resource) => publishVersion(registry, resource),
      delete: ({ ref }) => void recordOf(registry, ref)?.versions.delete(ref.split(":").at(-1) ?? ""),
    },
    {
      type: "AWS::Lambda::Alias",
      properties: ["FunctionName", "FunctionVersion", "Name", "Description"],
      create: (resource) => createAlias(registry, resource),
      delete: ({ ref }) => void recordOf(registry, ref)?.aliases.delete(ref.split(":").at(-1) ?? ""),
    },
    {
      type: "AWS::Lambda::Permission",
      properties: ["FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "PrincipalOrgID"],
      create: (resource) => addPermission(registry, resource),
      delete: ({ ref, properties }) => {
        for (const statements of recordOf(registry, properties.FunctionName)?.permissions.values() ?? [])
          statements.delete(ref);
      },
    },
    {
      type: "AWS::Lambda::EventInvokeConfig",
      properties: [
        "FunctionName",
        "Qualifier",
        "MaximumRetryAttempts",
        "MaximumEventAgeInSeconds",
        "DestinationConfig",
      ],
      create: (resource) => createInvokeConfig(registry, resource),
      delete: ({ properties }) =>
        void recordOf(registry, properties.FunctionName)?.invokeConfigs.delete(properties.Qualifier),
    },
    mappingProvider(registry, mappings),
  ];
}

async function createFunction(parts: ResourceParts, resource: TemplateResource): Promise<Provisioned> {
  const { registry, pool } = parts;
  const properties = Properties.of(resource);
  const latest = await readFunction(parts.kernel, resource, parts.artifacts);
  const reserved = properties.integer("ReservedConcurrentExecutions", 0, 1000);
  const record = registry.get(latest.name);
  if (reserved !== undefined && !canReserve(registry, record, reserved))
    properties.fail("ReservedConcurrentExecutions", "leaves less than 100 of the account's 1000 unreserved");
  // The same configuration keeps its warm environments.
  const unchanged = record?.latest.revisionId === latest.revisionId;
  const replaced = registry.put(unchanged ? record.latest : latest, reserved);
  if (replaced && !unchanged) pool.retire(replaced);
  return { ref: latest.name, attributes: { Arn: latest.arn } };
}

/** Ends the function; who works for it now works to the end. */
async function deleteFunction({ registry, pool }: ResourceParts, name: string): Promise<void> {
  const record = registry.get(name);
  if (!record) return;
  registry.delete(name);
  for (const version of [record.latest, ...record.versions.values()]) pool.retire(version);
  // Their last words would make the log group again.
  await pool.ended(name);
}

function recordOf(registry: Registry, functionName: string) {
  return registry.get(parseFunctionName(functionName).name);
}

/** Publishing what was published last gives that version again. */
function publishVersion(registry: Registry, resource: TemplateResource): Provisioned {
  const properties = Properties.of(resource);
  const { record } = functionOf(registry, properties);
  const { latest, versions } = record;
  const expected = properties.optionalText("CodeSha256");
  if (expected !== undefined && expected !== latest.code.sha256)
    properties.fail("CodeSha256", `is ${expected}, but the package of ${record.name} has ${latest.code.sha256}`);
  const last = [...versions.values()].at(-1);
  const version = last?.revisionId === latest.revisionId ? last.version : String(versions.size + 1);
  const description = properties.optionalText("Description") ?? latest.description;
  if (version !== last?.version) versions.set(version, { ...latest, version, description });
  return { ref: `${record.arn}:${version}`, attributes: { Version: version, FunctionArn: `${record.arn}:${version}` } };
}

function createAlias(registry: Registry, resource: TemplateResource): Provisioned {
  const properties = Properties.of(resource);
  const { record } = functionOf(registry, properties);
  const name = properties.text("Name");
  const version = properties.text("FunctionVersion");
  if (version !== LATEST && !record.versions.has(version))
    properties.fail("FunctionVersion", `${record.name} has no version '${version}'`);
  record.aliases.set(name, { version, description: properties.optionalText("Description") ?? "" });
  const ref = `${record.arn}:${name}`;
  return { ref, attributes: { AliasArn: ref } };
}

function addPermission(registry: Registry, resource: TemplateResource): Provisioned {
  const properties = Properties.of(resource);
  const { record, qualifier = "", arn } = functionOf(registry, properties);
  const id = `${resource.stackName}-${resource.logicalId}`;
  const sourceArn = properties.optionalText("SourceArn");
  const sourceAccount = properties.optionalText("SourceAccount");
  const organisation = properties.optionalText("PrincipalOrgID");
  const statement = permissionStatement({
    id,
    action: properties.text("Action"),
    principal: properties.text("Principal"),
    resource: arn,
    ...(sourceArn ? { sourceArn } : {}),
    ...(sourceAccount ? { sourceAccount } : {}),
    ...(organisation ? { organisation } : {}),
  });
  const key = qualifier === LATEST ? "" : qualifier;
  const statements = record.permissions.get(key) ?? new Map();
  record.permissions.set(key, statements.set(id, statement));
  return { ref: id, attributes: { Id: id } };
}

function createInvokeConfig(registry: Registry, resource: TemplateResource): Provisioned {
  const properties = Properties.of(resource);
  const { record } = functionOf(registry, properties);
  const destinations = properties.object("DestinationConfig", ["OnSuccess", "OnFailure"]);
  const destination = (name: string) => {
    const inner = destinations.object(name, ["Destination"]);
    const target = inner.optionalText("Destination");
    const problem = target && destinationProblem(target);
    return problem ? inner.fail("Destination", problem) : target;
  };
  const onSuccess = destination("OnSuccess");
  const onFailure = destination("OnFailure");
  const qualifier = properties.text("Qualifier");
  record.invokeConfigs.set(qualifier, {
    maximumRetryAttempts: properties.integer("MaximumRetryAttempts", 0, 2) ?? 2,
    maximumEventAge: properties.integer("MaximumEventAgeInSeconds", 60, 21_600) ?? 21_600,
    ...(onSuccess ? { onSuccess } : {}),
    ...(onFailure ? { onFailure } : {}),
  });
  return { ref: derivedUuid(`${record.arn}:${qualifier}`), attributes: {} };
}

function functionOf(registry: Registry, properties: Properties) {
  return properties.within("FunctionName", () => registry.resolve(properties.text("FunctionName")));
}
