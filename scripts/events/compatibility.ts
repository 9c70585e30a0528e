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

/** Which way a payload goes, seen from the function. */
type Side = "input" | "output";

/** Keywords that narrow nothing, and those that are looked at by themselves. */
const APART = new Set(
  "$schema title description default examples readOnly properties required items anyOf oneOf const enum".split(" "),
);

/**
 * What a run of an older definition could not live with, once a function is the new one: an input that it sends and the
 * function no longer takes, or an answer that it cannot read. Members that are new and optional are fine, and so are
 * inputs that allow more and answers that allow less.
 */
export function payloadBreaks(published: Schema, current: Schema, side: Side, path: string = side): string[] {
  const [sent, read] = side === "input" ? [published, current] : [current, published];
  return alternativesOf(sent).flatMap((one) => {
    const tries = alternativesOf(read).map((other) => misreadings(one, other, side, path));
    return tries.reduce((best, next) => (next.length < best.length ? next : best));
  });
}

/** What keeps the reader from taking whatever the sender may send. Of an input the sender is the older one. */
function misreadings(sent: Schema, read: Schema, side: Side, path: string): string[] {
  const older = side === "input" ? sent : read;
  const newer = side === "input" ? read : sent;
  const kept = Object.entries(older.properties ?? {}).filter(([name]) => newer.properties?.[name]);
  const removed = Object.keys(older.properties ?? {}).filter((name) => !newer.properties?.[name]);
  const certain = new Set([...(sent.required ?? []), ...removed]);
  const missing = (read.required ?? []).filter((name) => !certain.has(name));
  const rules = Object.keys(read).filter((keyword) => !APART.has(keyword) && !isSame(read[keyword], {}));
  const found = [
    ...removed.map((name) => `${path}.${name}: removed`),
    ...missing.map((name) => `${path}.${name}: ${side === "input" ? "newly required" : "no longer certain"}`),
    ...rules.filter((rule) => !isSame(read[rule], sent[rule])).map((rule) => `${path}: '${rule}' changed`),
    ...(areAmong(valuesOf(sent), valuesOf(read)) ? [] : [`${path}: other values`]),
  ];
  for (const [name, schema] of kept)
    found.push(...payloadBreaks(schema, newer.properties?.[name] ?? {}, side, `${path}.${name}`));
  if (older.items && newer.items) found.push(...payloadBreaks(older.items, newer.items, side, `${path}[]`));
  return found;
}

function alternativesOf(schema: Schema): readonly Schema[] {
  if (Array.isArray(schema.type)) return schema.type.map((type) => ({ ...schema, type }));
  return schema.anyOf ?? (schema.oneOf as readonly Schema[] | undefined) ?? [schema];
}

function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if (schema.const !== undefined) return [schema.const];
  return schema.enum as readonly unknown[] | undefined;
}

function areAmong(some: readonly unknown[] | undefined, all: readonly unknown[] | undefined): boolean {
  return all === undefined || (some?.every((value) => all.includes(value)) ?? false);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
