import { dataLimitExceeded } from "../errors.ts";
import { type Json, MAX_DATA_BYTES } from "../json.ts";

/** One child's input. */
export interface ChildInput {
  /** JSON text. */
  readonly text: string;
  /** Items in it. */
  readonly items: number;
}

export interface BatchLimits {
  readonly maxItems: number;
  /** Bytes of a whole input. */
  readonly maxBytes: number;
  /** Goes to every child beside its items. */
  readonly batchInput?: Json;
}

/**
 * Packs items into the inputs of children: as many in each as the limits allow, in their order.
 * https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
 * @param subject the state's name, for the error
 * @throws StateError `States.DataLimitExceeded` when one item alone is above the limit
 */
export async function* batched(
  items: AsyncIterable<Json>,
  { maxItems, maxBytes, batchInput }: BatchLimits,
  subject: string,
): AsyncGenerator<ChildInput> {
  const head = batchInput === undefined ? '{"Items":[' : `{"BatchInput":${JSON.stringify(batchInput)},"Items":[`;
  const frame = Buffer.byteLength(head) + "]}".length;
  let texts: string[] = [];
  let bytes = frame;
  const pack = () => ({ text: `${head}${texts.join(",")}]}`, items: texts.length });
  for await (const item of items) {
    const text = JSON.stringify(item);
    const size = Buffer.byteLength(text);
    if (frame + size > maxBytes) throw dataLimitExceeded(subject);
    const comma = texts.length === 0 ? 0 : 1;
    if (texts.length === maxItems || bytes + comma + size > maxBytes) {
      yield pack();
      texts = [];
      bytes = frame;
    }
    bytes += (texts.length === 0 ? 0 : 1) + size;
    texts.push(text);
  }
  if (texts.length > 0) yield pack();
}

/** Each item as the input of its own child. @throws StateError `States.DataLimitExceeded` */
export async function* single(items: AsyncIterable<Json>, subject: string): AsyncGenerator<ChildInput> {
  for await (const item of items) {
    const text = JSON.stringify(item);
    if (Buffer.byteLength(text) > MAX_DATA_BYTES) throw dataLimitExceeded(subject);
    yield { text, items: 1 };
  }
}
