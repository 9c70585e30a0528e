import { randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import type { CallContext } from "../kernel/service.ts";
import { parseTraceHeader } from "../kernel/trace.ts";
import { attributeBytes, type MessageAttribute, type MessageAttributes, md5, md5OfAttributes } from "./checksums.ts";
import { invalidParameter, invalidValue, missingParameter } from "./errors.ts";
import { senderId } from "./sender.ts";

/** A message in a queue. All times are real milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly traceHeader?: string;
  readonly groupId?: string;
  readonly senderId: string;
  /** When it was first sent; a dead-letter queue counts retention from here too. */
  readonly sentAt: number;
  receiveCount: number;
  firstReceivedAt?: number;
  /** Start of the present receive, while in flight. */
  receivedAt?: number;
  /** A delay that still runs: its start, and its length in (scaled) milliseconds. */
  delay?: { readonly since: number; readonly ms: number };
  deadLetterSource?: string;
}

/** Input of SendMessage, and of an entry of SendMessageBatch. */
export interface SendInput {
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
  readonly MessageAttributes?: MessageAttributes;
  readonly MessageSystemAttributes?: MessageAttributes;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const ATTRIBUTE_NAME = /^(?!(?:aws|amazon)\.)(?!\.)(?!.*\.\.)(?!.*\.$)[A-Za-z0-9_.-]{1,256}$/i;
const DATA_TYPE = /^(String|Number|Binary)(\..+)?$/;

/** Bytes of a message that count towards the limits: body and attributes, not the system attributes. */
export function messageBytes(input: SendInput): number {
  let bytes = Buffer.byteLength(input.MessageBody ?? "");
  for (const [name, attribute] of Object.entries(input.MessageAttributes ?? {}))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType ?? "") + attributeBytes(attribute).length;
  return bytes;
}

/**
 * Checks a message and makes it ready to be queued.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 * @param limit the queue's `MaximumMessageSize`, bytes
 * @param now real milliseconds since the epoch
 * @throws AwsError `MissingRequiredParameterException`, `InvalidParameterValueException`, `InvalidMessageContents`
 */
export function newMessage(input: SendInput, limit: number, context: CallContext, now: number): Message {
  if (!input.MessageBody) throw missingParameter("MessageBody");
  if (FORBIDDEN.test(input.MessageBody))
    throw new AwsError(
      "InvalidMessageContents",
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    );
  if (input.MessageDeduplicationId !== undefined)
    throw invalidValue(
      input.MessageDeduplicationId,
      "MessageDeduplicationId",
      "The request include parameter that is not valid for this queue type.",
    );
  const delay = input.DelaySeconds;
  if (delay !== undefined && !(Number.isInteger(delay) && delay >= 0 && delay <= 900))
    throw invalidValue(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.");
  checkAttributes(input.MessageAttributes ?? {});
  const traceHeader = systemTraceHeader(input.MessageSystemAttributes) ?? validTraceHeader(context.traceHeader);
  if (messageBytes(input) > limit)
    throw invalidParameter(`One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`);
  return {
    id: randomUUID(),
    body: input.MessageBody,
    attributes: input.MessageAttributes ?? {},
    ...(traceHeader ? { traceHeader } : {}),
    ...(input.MessageGroupId === undefined ? {} : { groupId: input.MessageGroupId }),
    senderId: senderId(context.principal),
    sentAt: now,
    receiveCount: 0,
  };
}

function checkAttributes(attributes: MessageAttributes): void {
  const names = Object.keys(attributes);
  if (names.length > 10)
    throw invalidParameter(`Number of message attributes [${names.length}] exceeds the allowed maximum [10].`);
  for (const name of names) checkAttribute(name, attributes[name] as MessageAttribute);
}

function checkAttribute(name: string, attribute: MessageAttribute): void {
  if (!ATTRIBUTE_NAME.test(name))
    throw invalidParameter(`Invalid message attribute name '${name}'. Use letters, digits, _, - and single dots.`);
  const type = DATA_TYPE.exec(attribute.DataType ?? "")?.[1];
  if (!type)
    throw invalidParameter(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  const value = type === "Binary" ? attribute.BinaryValue : attribute.StringValue;
  if (!value)
    throw invalidParameter(
      `The message attribute '${name}' must contain a non-empty message attribute value for message attribute type '${attribute.DataType}'.`,
    );
  if (type === "Number" && !Number.isFinite(Number(value)))
    throw invalidParameter(`Can't cast the value of message attribute '${name}' to a number.`);
}

function systemTraceHeader(attributes: MessageAttributes | undefined): string | undefined {
  for (const [name, attribute] of Object.entries(attributes ?? {})) {
    if (name !== "AWSTraceHeader") throw invalidParameter(`Message system attribute name '${name}' is invalid.`);
    if (attribute.DataType !== "String" || !parseTraceHeader(attribute.StringValue))
      throw invalidParameter("The message system attribute 'AWSTraceHeader' must be a String that is an X-Ray header.");
  }
  return attributes?.AWSTraceHeader?.StringValue;
}

function validTraceHeader(header: string | undefined): string | undefined {
  return parseTraceHeader(header) ? header : undefined;
}

/** Output of SendMessage, without the `Id` that a batch adds. */
export function sendResult(message: Message, input: SendInput) {
  const attributes = md5OfAttributes(input.MessageAttributes);
  const system = md5OfAttributes(input.MessageSystemAttributes);
  return {
    MessageId: message.id,
    MD5OfMessageBody: md5(message.body),
    ...(attributes ? { MD5OfMessageAttributes: attributes } : {}),
    ...(system ? { MD5OfMessageSystemAttributes: system } : {}),
  };
}
