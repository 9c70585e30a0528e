import { ContractError } from "#shared/errors.ts";

const CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/**
 * The 18-character form of a Salesforce id. The last three characters say which of the first fifteen are capitals, so
 * that systems which ignore case cannot mix up two records.
 * https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm
 * @throws ContractError when it is no id, or its checksum does not fit
 */
export function toLongId(id: string): string {
  if (!/^([a-zA-Z0-9]{15}|[a-zA-Z0-9]{18})$/.test(id))
    // Not quoted: what is no id may be a name.
    throw new ContractError(
      "BAD_ID",
      `A text of ${id.length} characters is not a Salesforce id of 15 or 18 letters and digits.`,
    );
  const short = id.slice(0, 15);
  const long = short + checksum(short);
  if (id.length === 18 && id !== long)
    throw new ContractError("BAD_ID", `The checksum of Salesforce id '${id}' does not fit; '${long}' would be right.`);
  return long;
}

function checksum(short: string): string {
  return [0, 5, 10].map((at) => CHECKSUM[capitals(short.slice(at, at + 5))]).join("");
}

/** Bit n is set when character n is a capital. */
function capitals(five: string): number {
  return [...five].reduce((bits, character, index) => bits | (/[A-Z]/.test(character) ? 1 << index : 0), 0);
}
