import { gunzipSync, gzipSync } from "node:zlib";
import { ContractError } from "../errors.ts";

// An item holds at most 400 KB, names included.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const MAX_INPUT_BYTES = 350_000;

/** An input as the items of a piece of work hold it: text in the first, or gzip over all of them. */
export type Packed = [{ readonly input: string } | { readonly inputGzip: Uint8Array }, ...Uint8Array[]];

/** Makes an input fit into items: compressed when it is too large for one, then split over as many as it takes. */
export function pack(input: string): Packed {
  if (Buffer.byteLength(input) <= MAX_INPUT_BYTES) return [{ input }];
  const bytes = gzipSync(input);
  const chunk = (at: number) => bytes.subarray(at, at + MAX_INPUT_BYTES);
  const rest: Uint8Array[] = [];
  for (let at = MAX_INPUT_BYTES; at < bytes.length; at += MAX_INPUT_BYTES) rest.push(chunk(at));
  return [{ inputGzip: chunk(0) }, ...rest];
}

/**
 * The input again, from all items of a piece of work in the order of `part`.
 * @throws ContractError `PARKED_INCOMPLETE` when a part is missing
 */
export function unpack(items: readonly Readonly<Record<string, unknown>>[]): string {
  const [first] = items;
  if (typeof first?.input === "string") return first.input;
  const chunks = items.map(({ inputGzip }) => inputGzip).filter((chunk) => chunk instanceof Uint8Array);
  if (first && chunks.length === Number(first.parts ?? 1)) return gunzipSync(Buffer.concat(chunks)).toString();
  throw new ContractError(
    "PARKED_INCOMPLETE",
    `Parked work ${String(first?.parkedId)} has ${chunks.length} of its ${String(first?.parts)} parts.`,
  );
}
