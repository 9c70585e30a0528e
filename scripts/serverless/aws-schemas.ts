import type { Property, PropertyType, SpecDatabase } from "@aws-cdk/service-spec-types";
import { isIntrinsic, type Json, quoted, type Resources } from "./resolve.ts";

type Members = Readonly<Record<string, Property>>;
/** Where a value stands, and the type that it is a member of. */
interface Place {
  readonly path: string;
  readonly owner: string;
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html */
const ATTRIBUTES: Readonly<Record<string, readonly string[] | undefined>> = {
  Type: undefined,
  Properties: undefined,
  DependsOn: undefined,
  Condition: undefined,
  Metadata: undefined,
  CreationPolicy: undefined,
  UpdatePolicy: undefined,
  DeletionPolicy: ["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"],
  UpdateReplacePolicy: ["Delete", "Retain", "Snapshot"],
};
const TAG = { Key: { required: true, type: { type: "string" } }, Value: { required: true, type: { type: "string" } } };

let loaded: Promise<SpecDatabase> | undefined;

/** AWS's own schemas of all resource types. They are 15 MB of JSON: who packages nothing does not load them. */
export function awsSchemas(): Promise<SpecDatabase> {
  loaded ??= import("@aws-cdk/aws-service-spec").then(({ loadAwsServiceSpec }) => loadAwsServiceSpec());
  return loaded;
}

/**
 * What does not fit AWS's schemas: unknown types and properties, required members that are missing, values of the wrong
 * type, and values that are none of those allowed. Intrinsic functions count as any value.
 * @returns a sentence each, with the logical id, the property and what to do
 */
export function againstSchemas(resources: Resources, schemas: SpecDatabase): string[] {
  const check = checker(schemas);
  return Object.entries(resources).flatMap(([id, resource]) => {
    const type = resource.Type ?? "";
    const attributes = wrongAttributes(id, resource);
    if (type.startsWith("Custom::")) return attributes;
    const [schema] = schemas.lookup("resource", "cloudFormationType", "equals", type);
    if (!schema) return [`${id}.Type is ${quoted(type)}, which is no resource of AWS: correct its name.`];
    return [...attributes, ...check.members(schema.properties, resource.Properties ?? {}, { path: id, owner: type })];
  });
}

function wrongAttributes(id: string, resource: object): string[] {
  return Object.entries(resource).flatMap(([name, value]) => {
    if (!(name in ATTRIBUTES))
      return [`${id} has '${name}' beside its properties: remove it, or move it below Properties.`];
    const allowed = ATTRIBUTES[name];
    return allowed && !allowed.includes(value)
      ? [`${id}.${name} is ${quoted(value)}: write one of ${allowed.join(", ")}.`]
      : [];
  });
}

function checker(schemas: SpecDatabase) {
  const members = (known: Members, value: Json, { path, owner }: Place): string[] => {
    if (!isObject(value))
      return [`${path} is ${quoted(value)}: write an object with ${Object.keys(known).join(", ")}.`];
    const missing = Object.entries(known).flatMap(([name, { required }]) =>
      required && value[name] === undefined ? [`${path}.${name} is missing: ${owner} requires it, add it.`] : [],
    );
    const wrong = Object.entries(value).flatMap(([name, one]) => {
      const property = known[name];
      if (one === undefined) return [];
      if (!property)
        return [
          `${path}.${name} is no property of ${owner}: remove it, or write one of ${Object.keys(known).join(", ")}.`,
        ];
      return fewest(typesOf(property).map((type) => fits(type, one, { path: `${path}.${name}`, owner })));
    });
    return [...missing, ...wrong];
  };

  const fits = (type: PropertyType, value: Json, place: Place): string[] => {
    const inside = (name: string | number) => ({ ...place, path: `${place.path}.${name}` });
    if (isIntrinsic(value)) return [];
    switch (type.type) {
      case "ref": {
        const { name, properties } = schemas.get("typeDefinition", type.reference.$ref);
        return members(properties, value, { path: place.path, owner: `${place.owner.split(" ")[0]} ${name}` });
      }
      case "tag":
        return members(TAG as Members, value, { path: place.path, owner: "a tag" });
      case "array":
        if (!Array.isArray(value)) return [`${place.path} is ${quoted(value)}: write a list.`];
        return value.flatMap((one, index) => fits(type.element, one, inside(index)));
      case "map":
        if (!isObject(value)) return [`${place.path} is ${quoted(value)}: write an object.`];
        return Object.entries(value).flatMap(([name, one]) => fits(type.element, one, inside(name)));
      case "union":
        return fewest(type.types.map((one) => fits(one, value, place)));
      default:
        return fitsScalar(type, value, place.path);
    }
  };
  return { members };
}

/** CloudFormation turns numbers and truth values into text, and text that reads as one into them. */
function fitsScalar(type: PropertyType, value: Json, path: string): string[] {
  const takes = (what: string, good: boolean) => (good ? [] : [`${path} is ${quoted(value)}: write ${what}.`]);
  const isScalar = value !== null && typeof value !== "object";
  if ("allowedValues" in type && type.allowedValues)
    return takes(`one of ${type.allowedValues.join(", ")}`, type.allowedValues.map(String).includes(String(value)));
  switch (type.type) {
    case "integer":
      return takes("a whole number", isScalar && value !== "" && Number.isInteger(Number(value)));
    case "number":
      return takes("a number", isScalar && value !== "" && Number.isFinite(Number(value)));
    case "boolean":
      return takes("true or false", ["true", "false"].includes(String(value)));
    case "json":
      return takes("an object", !isScalar || typeof value === "string");
    case "null":
      return takes("nothing", value === null);
    default:
      return takes("a text", isScalar);
  }
}

/** A property may be written in its present type, and in those that it had before. */
function typesOf({ type, previousTypes = [] }: Property): readonly PropertyType[] {
  return [type, ...previousTypes];
}

/** Of what is wrong with a value under each type that it may have, that under the type that it is nearest to. */
function fewest(findings: readonly (readonly string[])[]): string[] {
  return [...(findings.toSorted((one, other) => one.length - other.length)[0] ?? [])];
}

function isObject(value: Json): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
