import { InvalidInputError } from "../errors.ts";

type Key = Record<string, unknown>;

/** The key after which DynamoDB goes on, as text; undefined on the last page. */
export function encodeCursor(key: Key | undefined): string | undefined {
  return key && Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** @throws InvalidInputError `BAD_CURSOR` */
export function decodeCursor(cursor: string | undefined): Key | undefined {
  if (cursor === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch (cause) {
    throw new InvalidInputError("BAD_CURSOR", "The cursor is not one that a page of parked work gave.", { cause });
  }
}
