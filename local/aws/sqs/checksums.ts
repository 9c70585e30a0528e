import { createHash } from "node:crypto";

/** A message attribute as the wire carries it; `BinaryValue` is base64. */
export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: string;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** Hexadecimal MD5, with which SDK clients verify what they sent and received. */
export function md5(value: string | Buffer): string {
  return createHash("md5").update(value).digest("hex");
}

/** The bytes of an attribute's value. */
export function attributeBytes(attribute: MessageAttribute): Buffer {
  return attribute.StringValue === undefined
    ? Buffer.from(attribute.BinaryValue ?? "", "base64")
    : Buffer.from(attribute.StringValue);
}

/**
 * MD5 over message attributes: sorted by name, each part with its length, values with their transport type.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 */
export function md5OfAttributes(attributes: MessageAttributes | undefined): string | undefined {
  const entries = Object.entries(attributes ?? {});
  if (entries.length === 0) return undefined;
  const parts: Buffer[] = [];
  for (const [name, attribute] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = attribute.StringValue !== undefined;
    parts.push(sized(Buffer.from(name)), sized(Buffer.from(attribute.DataType)));
    parts.push(Buffer.from([text ? 1 : 2]), sized(attributeBytes(attribute)));
  }
  return md5(Buffer.concat(parts));
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
