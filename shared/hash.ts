import { createHash } from "node:crypto";

/** SHA-256 of the parts in hex. Parts are kept apart, so `("a", "bc")` and `("ab", "c")` differ. */
export function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(canonicalJson(parts)).digest("hex");
}

/** JSON whose members are sorted, so that equal content gives equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
