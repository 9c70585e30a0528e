/** Names of a record's members in the order of its Avro schema; a compound has names of its own. */
export interface Shape {
  readonly names: readonly string[];
  readonly compounds: ReadonlyMap<string, readonly string[]>;
}

/**
 * Field names as the Pub/Sub API packs them: one bitmap over the top level, such as `0x400800`, then one for each compound
 * with the compound's position, such as `4-0x01`. The lowest bit is the first field of the schema, the header included.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-deserialization-considerations.html
 */
export function toBitmaps(names: readonly string[], shape: Shape): string[] {
  const top = names.filter((name) => !name.includes("."));
  const parts = new Map<string, string[]>();
  for (const name of names) {
    const [compound, part] = name.split(".");
    if (compound !== undefined && part !== undefined) parts.set(compound, [...(parts.get(compound) ?? []), part]);
  }
  const nested = [...parts].map(([compound, members]) => {
    const order = shape.compounds.get(compound) ?? [];
    return { position: shape.names.indexOf(compound), bitmap: bitmap(members, order) };
  });
  return [
    ...(top.length > 0 ? [bitmap(top, shape.names)] : []),
    ...nested.sort((a, b) => a.position - b.position).map(({ position, bitmap: bits }) => `${position}-${bits}`),
  ];
}

/** Whole bytes in upper-case hexadecimal digits, the highest first. */
function bitmap(members: readonly string[], order: readonly string[]): string {
  let bits = 0n;
  for (const member of members) {
    const position = order.indexOf(member);
    if (position < 0) throw new Error(`The event schema has no field ${member}.`);
    bits |= 1n << BigInt(position);
  }
  const digits = bits.toString(16).toUpperCase();
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}
