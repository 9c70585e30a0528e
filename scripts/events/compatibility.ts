/** The parts of a JSON Schema that decide whether old and new agree. */
export interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly [keyword: string]: unknown;
}

/** Keywords that must stay as they were published; descriptions and titles may change. */
const FIXED = ["type", "const", "enum", "format", "pattern", "minLength", "minItems"];

/**
 * What would break somebody who relies on the published schema: a member that vanished, changed its type or its rules,
 * or is required now and was not before (or the reverse). New optional members are fine.
 */
export function breakingChanges(published: Schema, current: Schema, path = "detail"): string[] {
  const found = FIXED.filter((keyword) => JSON.stringify(published[keyword]) !== JSON.stringify(current[keyword])).map(
    (keyword) => `${path}: '${keyword}' changed`,
  );
  const required = new Set(published.required);
  const requiredNow = new Set(current.required);
  for (const [name, schema] of Object.entries(published.properties ?? {})) {
    const now = current.properties?.[name];
    if (!now) found.push(`${path}.${name}: removed`);
    else found.push(...breakingChanges(schema, now, `${path}.${name}`));
    if (now && required.has(name) && !requiredNow.has(name)) found.push(`${path}.${name}: no longer required`);
  }
  for (const name of requiredNow) if (!required.has(name)) found.push(`${path}.${name}: newly required`);
  if (published.items && current.items) found.push(...breakingChanges(published.items, current.items, `${path}[]`));
  if (JSON.stringify(published.anyOf?.length) !== JSON.stringify(current.anyOf?.length))
    found.push(`${path}: the alternatives changed`);
  for (const [index, schema] of (published.anyOf ?? []).entries()) {
    const now = current.anyOf?.[index];
    if (now) found.push(...breakingChanges(schema, now, `${path}|${index}`));
  }
  return found;
}
