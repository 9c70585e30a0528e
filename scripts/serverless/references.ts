import type { SpecDatabase } from "@aws-cdk/service-spec-types";
import type { Json, Template } from "./resolve.ts";

/** A place that names something else of the template. */
interface Reference {
  readonly path: string;
  readonly id: string;
  /** Of `Fn::GetAtt`, or after the dot in `Fn::Sub`. */
  readonly attribute?: string;
}

/**
 * What names nothing: references to resources, attributes and conditions that are not there, and resources that wait for
 * each other in a circle.
 * @returns a sentence each, with the logical id, the property and what to do
 */
export function againstReferences(template: Template, schemas: SpecDatabase): string[] {
  const { Resources, Conditions = {}, Parameters = {}, Outputs = {} } = template;
  const isThere = (id: string) => id.startsWith("AWS::") || id in Resources || id in Parameters;
  const references: Reference[] = [
    ...Object.entries(Resources).flatMap(([id, { Properties, ...rest }]) => [
      ...referencesIn(Properties, id),
      ...[(rest as Json).DependsOn ?? []].flat().map((to: string) => ({ path: `${id}.DependsOn`, id: to })),
    ]),
    ...referencesIn(Outputs, "Outputs"),
  ];
  const lost = references.flatMap(({ path, id, attribute }) => {
    if (!isThere(id)) return [`${path} names '${id}', which is not in the template: correct the name, or add it.`];
    const [schema] = schemas.lookup("resource", "cloudFormationType", "equals", Resources[id]?.Type ?? "");
    if (attribute === undefined || !schema || attribute in schema.attributes) return [];
    const known = Object.keys(schema.attributes).join(", ");
    return [`${path} asks ${id} for '${attribute}', which no ${schema.cloudFormationType} has: write one of ${known}.`];
  });
  const conditions = Object.entries(Resources).flatMap(([id, resource]) => [
    ...conditionsIn(resource.Properties, id),
    ...((resource as Json).Condition ? [{ path: `${id}.Condition`, id: String((resource as Json).Condition) }] : []),
  ]);
  const unknown = conditions.flatMap(({ path, id }) =>
    id in Conditions ? [] : [`${path} asks for the condition '${id}', which is not in the template: add it.`],
  );
  return [...lost, ...unknown, ...circles(references, Object.keys(Resources))];
}

/** Every object of a value that is nothing but an intrinsic function. */
function* functionsIn(value: Json, path: string): Generator<{ path: string; name: string; argument: Json }> {
  if (value === null || typeof value !== "object") return;
  const entries = Object.entries(value);
  const [name = "", argument] = entries[0] ?? [];
  if (entries.length === 1 && (name === "Ref" || name.startsWith("Fn::"))) {
    yield { path, name, argument };
    yield* functionsIn(argument, path);
    return;
  }
  for (const [member, one] of entries) yield* functionsIn(one, `${path}.${member}`);
}

function referencesIn(value: Json, at: string): Reference[] {
  return [...functionsIn(value, at)].flatMap(({ path, name, argument }): Reference[] => {
    if (name === "Ref") return [{ path, id: String(argument) }];
    if (name === "Fn::GetAtt") return [dotted(path, Array.isArray(argument) ? argument.join(".") : String(argument))];
    if (name !== "Fn::Sub") return [];
    const [text, own] = Array.isArray(argument) ? argument : [argument, {}];
    return [...String(text).matchAll(/\$\{([^}!]+)\}/g)]
      .map(([, inside = ""]) => inside.trim())
      .filter((inside) => !(inside in (own ?? {})))
      .map((inside) => dotted(path, inside));
  });
}

function conditionsIn(value: Json, at: string): Reference[] {
  return [...functionsIn(value, at)].flatMap(({ path, name, argument }) =>
    name === "Fn::If" ? [{ path, id: String(argument?.[0]) }] : [],
  );
}

function dotted(path: string, text: string): Reference {
  const dot = text.indexOf(".");
  return dot < 0 ? { path, id: text } : { path, id: text.slice(0, dot), attribute: text.slice(dot + 1) };
}

/** Resources of which each waits for the next, and the last for the first: CloudFormation refuses to begin. */
function circles(references: readonly Reference[], ids: readonly string[]): string[] {
  const waits = new Map(ids.map((id) => [id, new Set<string>()]));
  for (const { path, id } of references) waits.get(path.split(".")[0] ?? "")?.add(id);
  // Without what waits for none of the others, and what none of the others waits for, the circles alone are left.
  const isLoose = (id: string, others: ReadonlySet<string>) =>
    [...others].every((other) => !waits.has(other)) || [...waits.values()].every((some) => !some.has(id));
  for (let loose = ids; loose.length > 0; ) {
    loose = [...waits].filter(([id, others]) => isLoose(id, others)).map(([id]) => id);
    for (const id of loose) waits.delete(id);
  }
  const circle = [...waits.keys()];
  return circle.length === 0
    ? []
    : [`${circle.join(", ")} wait for each other in a circle: take out a DependsOn or a reference.`];
}
