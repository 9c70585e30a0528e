import { AwsError } from "../kernel/errors.ts";

/**
 * The errors of SQS: JSON names with the codes of the older query protocol beside them.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 */
const SIMPLE = "AWS.SimpleQueueService.";

export const queueDoesNotExist = () =>
  new AwsError("QueueDoesNotExist", "The specified queue does not exist.", { queryCode: `${SIMPLE}NonExistentQueue` });

export const invalidParameter = (message: string) =>
  new AwsError("InvalidParameterValueException", message, { queryCode: "InvalidParameterValue" });

/** `Value V for parameter P is invalid. Reason: R`, the most frequent complaint of SQS. */
export const invalidValue = (value: unknown, parameter: string, reason: string) =>
  invalidParameter(`Value ${String(value)} for parameter ${parameter} is invalid. Reason: ${reason}`);

export const missingParameter = (name: string) =>
  new AwsError("MissingRequiredParameterException", `The request must contain the parameter ${name}.`, {
    queryCode: "MissingParameter",
  });

export const unknownAttribute = (name: string) => new AwsError("InvalidAttributeName", `Unknown Attribute ${name}.`);

export const invalidAttributeValue = (name: string) =>
  new AwsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);

export const queueNameExists = (attribute: string) =>
  new AwsError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
    { queryCode: "QueueAlreadyExists" },
  );

export const queueDeletedRecently = () =>
  new AwsError(
    "QueueDeletedRecently",
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    { queryCode: `${SIMPLE}QueueDeletedRecently` },
  );

export const purgeInProgress = (queue: string) =>
  new AwsError("PurgeQueueInProgress", `Only one PurgeQueue operation on ${queue} is allowed every 60 seconds.`, {
    status: 403,
    queryCode: `${SIMPLE}PurgeQueueInProgress`,
  });

export const receiptHandleIsInvalid = (handle: string) =>
  new AwsError("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);

export const messageNotInflight = () =>
  new AwsError("MessageNotInflight", "The specified message isn't in flight.", {
    queryCode: `${SIMPLE}MessageNotInflight`,
  });

export const overLimit = () =>
  new AwsError("OverLimit", "The queue has 120,000 messages in flight already; delete some before receiving more.", {
    status: 403,
  });

export const emptyBatch = (operation: string) =>
  new AwsError("EmptyBatchRequest", `There should be at least one ${operation}RequestEntry in the request.`, {
    queryCode: `${SIMPLE}EmptyBatchRequest`,
  });

export const tooManyEntries = (count: number) =>
  new AwsError(
    "TooManyEntriesInBatchRequest",
    `Maximum number of entries per request are 10. You have sent ${count}.`,
    { queryCode: `${SIMPLE}TooManyEntriesInBatchRequest` },
  );

export const idsNotDistinct = (id: string) =>
  new AwsError("BatchEntryIdsNotDistinct", `Id ${id} repeated.`, { queryCode: `${SIMPLE}BatchEntryIdsNotDistinct` });

export const invalidBatchId = () =>
  new AwsError(
    "InvalidBatchEntryId",
    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    { queryCode: `${SIMPLE}InvalidBatchEntryId` },
  );

export const batchTooLong = (limit: number, bytes: number) =>
  new AwsError(
    "BatchRequestTooLong",
    `Batch requests cannot be longer than ${limit} bytes. You have sent ${bytes} bytes.`,
    { queryCode: `${SIMPLE}BatchRequestTooLong` },
  );

export const resourceNotFound = (message: string) =>
  new AwsError("ResourceNotFoundException", message, { status: 404 });

/** The twin's own refusal: the fleet uses standard queues only. */
export const fifoUnsupported = () =>
  new AwsError("UnsupportedOperation", "The twin has standard queues only; drop the FIFO settings of this queue.", {
    queryCode: `${SIMPLE}UnsupportedOperation`,
  });
