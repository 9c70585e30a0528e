import { createHash } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { arn, physicalName } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation, ResourceProvider, Service } from "../kernel/service.ts";

const MAX_VERSIONS = 100;
const TYPES = ["String", "StringList", "SecureString"];

interface Version {
  readonly Version: number;
  readonly Value: string;
  readonly Type: string;
  readonly LastModifiedDate: number;
}

interface Parameter {
  readonly Name: string;
  Description?: string;
  /** The value that the template gave last; a value put by hand outlives a boot with the same template. */
  templateValue?: string;
  versions: Version[];
}

interface Input {
  readonly Name: string;
  readonly Names?: readonly string[];
  readonly Path?: string;
  readonly Recursive?: boolean;
  readonly WithDecryption?: boolean;
  readonly MaxResults?: number;
  readonly NextToken?: string;
  readonly Value?: string;
  readonly Type?: string;
  readonly Overwrite?: boolean;
  readonly Description?: string;
  readonly ParameterFilters?: readonly { readonly Key: string; readonly Option?: string; readonly Values?: string[] }[];
}

type Parameters = Map<string, Parameter>;

/** Systems Manager Parameter Store. https://docs.aws.amazon.com/systems-manager/latest/APIReference/Welcome.html */
export function createSsm(kernel: Kernel): Service {
  const parameters: Parameters = new Map();
  return {
    name: "ssm",
    wire: { kind: "json", version: "1.1", targetPrefix: "AmazonSSM." },
    operations: { ...reads(parameters), ...listings(parameters), PutParameter: put(kernel, parameters) },
    resources: [parameterProvider(kernel, parameters)],
    snapshot: () => [...parameters.values()],
    restore(state) {
      for (const parameter of state as Parameter[]) parameters.set(parameter.Name, parameter);
    },
  };
}

function reads(parameters: Parameters): Record<string, Operation> {
  return {
    GetParameter: {
      access: ({ Name }: Input) => [{ action: "ssm:GetParameter", resource: parameterArn(nameOf(Name)) }],
      run: ({ Name, WithDecryption }: Input) => {
        const found = describe(parameters, Name, WithDecryption);
        if (found) return { Parameter: found };
        throw new AwsError("ParameterNotFound", `Parameter ${Name} not found.`);
      },
    },
    GetParameters: {
      access: ({ Names = [] }: Input) =>
        Names.map((name) => ({ action: "ssm:GetParameters", resource: parameterArn(nameOf(name)) })),
      run: ({ Names = [], WithDecryption }: Input) => {
        const all = Names.map((name) => ({ name, found: describe(parameters, name, WithDecryption) }));
        return {
          Parameters: all.flatMap(({ found }) => found ?? []),
          InvalidParameters: all.filter(({ found }) => !found).map(({ name }) => name),
        };
      },
    },
  };
}

function listings(parameters: Parameters): Record<string, Operation> {
  return {
    GetParametersByPath: {
      access: ({ Path = "/" }: Input) => [
        { action: "ssm:GetParametersByPath", resource: parameterArn(Path.replace(/(.)\/$/, "$1")) },
      ],
      run: ({ Path = "/", Recursive, WithDecryption, MaxResults = 10, NextToken }: Input) => {
        const prefix = Path.endsWith("/") ? Path : `${Path}/`;
        const below = [...parameters.keys()]
          .filter((name) => name.startsWith(prefix) && (Recursive || !name.slice(prefix.length).includes("/")))
          .sort();
        const { items, nextToken } = page(below, MaxResults, NextToken);
        return {
          Parameters: items.flatMap((name) => describe(parameters, name, WithDecryption) ?? []),
          ...(nextToken ? { NextToken: nextToken } : {}),
        };
      },
    },
    DescribeParameters: {
      access: () => [{ action: "ssm:DescribeParameters", resource: "*" }],
      run: ({ MaxResults = 50, NextToken, ParameterFilters = [] }: Input) => {
        const found = [...parameters.values()].filter(({ Name }) =>
          ParameterFilters.every((f) => meetsFilter(Name, f)),
        );
        const { items, nextToken } = page(found, MaxResults, NextToken);
        return {
          Parameters: items.map(({ Name, Description, versions }) => {
            const { Value: _, ...latest } = versions.at(-1) as Version;
            return { Name, ARN: parameterArn(Name), Description, DataType: "text", Tier: "Standard", ...latest };
          }),
          ...(nextToken ? { NextToken: nextToken } : {}),
        };
      },
    },
  };
}

function put(kernel: Kernel, parameters: Parameters): Operation {
  return {
    access: ({ Name }: Input) => [{ action: "ssm:PutParameter", resource: parameterArn(Name) }],
    run: ({ Name, Value = "", Type, Overwrite, Description }: Input) => {
      const existing = parameters.get(Name);
      if (existing && !Overwrite)
        throw new AwsError(
          "ParameterAlreadyExists",
          "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        );
      const type = Type ?? existing?.versions.at(-1)?.Type ?? "String";
      if (!TYPES.includes(type))
        throw new AwsError("UnsupportedParameterType", `There is no parameter type '${type}'.`);
      const parameter = write(parameters, Name, Value, type, kernel.clock.now());
      if (Description) parameter.Description = Description;
      return { Version: parameter.versions.at(-1)?.Version, Tier: "Standard" };
    },
  };
}

function write(parameters: Parameters, Name: string, Value: string, Type: string, now: number): Parameter {
  if (!Value) throw new AwsError("ValidationException", "A parameter's value must not be empty.");
  const parameter = parameters.get(Name) ?? { Name, versions: [] };
  const Version = (parameter.versions.at(-1)?.Version ?? 0) + 1;
  parameter.versions = [...parameter.versions, { Version, Value, Type, LastModifiedDate: now / 1000 }].slice(
    -MAX_VERSIONS,
  );
  parameters.set(Name, parameter);
  return parameter;
}

/** `name`, `name:3` or an ARN; `undefined` when there is no such parameter or version. */
function describe(parameters: Parameters, source: string, decrypt = false): Record<string, unknown> | undefined {
  const name = nameOf(source);
  const selector = source.startsWith("arn:") ? undefined : source.split(":")[1];
  const parameter = parameters.get(name);
  const version = parameter?.versions.find(({ Version }, index, all) =>
    selector === undefined ? index === all.length - 1 : String(Version) === selector,
  );
  if (!parameter || !version) return undefined;
  return {
    ARN: parameterArn(name),
    DataType: "text",
    Name: name,
    ...version,
    Value: version.Type === "SecureString" && !decrypt ? ciphertext(version.Value) : version.Value,
    ...(selector === undefined ? {} : { Selector: `:${selector}` }),
  };
}

/** What a caller sees who did not ask for decryption: opaque, yet the same every time. */
function ciphertext(value: string): string {
  return createHash("sha512").update(`kms:${value}`).digest("base64");
}

function nameOf(source: string): string {
  if (!source?.startsWith("arn:")) return source?.split(":")[0] ?? "";
  const path = source.slice(source.indexOf(":parameter/") + ":parameter/".length);
  return path.includes("/") ? `/${path}` : path;
}

function parameterArn(name: string): string {
  return arn("ssm", `parameter/${name.replace(/^\//, "")}`);
}

function meetsFilter(
  name: string,
  { Key, Option = "Equals", Values = [] }: { Key: string; Option?: string; Values?: string[] },
): boolean {
  if (Key !== "Name") throw new AwsError("InvalidFilterKey", `The twin does not filter parameters by '${Key}'.`);
  if (Option === "Equals") return Values.includes(name);
  if (Option === "BeginsWith") return Values.some((value) => name.startsWith(value));
  if (Option === "Contains") return Values.some((value) => name.includes(value));
  throw new AwsError("InvalidFilterOption", `There is no filter option '${Option}'.`);
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html */
function parameterProvider(kernel: Kernel, parameters: Parameters): ResourceProvider {
  return {
    type: "AWS::SSM::Parameter",
    properties: ["Name", "Type", "Value", "Description", "Tier", "AllowedPattern", "DataType", "Tags"],
    create(resource) {
      const { properties } = resource;
      const name = properties.Name ?? physicalName(resource, 255);
      const value = String(properties.Value);
      const existing = parameters.get(name);
      const parameter =
        existing?.templateValue === value
          ? existing
          : write(parameters, name, value, properties.Type ?? "String", kernel.clock.now());
      parameter.templateValue = value;
      if (properties.Description) parameter.Description = properties.Description;
      const latest = parameter.versions.at(-1);
      return { ref: name, attributes: { Type: latest?.Type, Value: latest?.Value } };
    },
    taken: (resource) => parameters.get(resource.properties.Name ?? physicalName(resource, 255))?.Name,
    delete: ({ ref }) => void parameters.delete(ref),
  };
}
