import { AwsError } from "../kernel/errors.ts";

/** The errors of EventBridge. https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html */
export const validation = (message: string) => new AwsError("ValidationException", message);

/** A member outside its modelled bounds, in the words that all services share. */
export const constraint = (value: unknown, at: string, rule: string) =>
  validation(`1 validation error detected: Value '${String(value)}' at '${at}' failed to satisfy constraint: ${rule}`);

export const notFound = (message: string) => new AwsError("ResourceNotFoundException", message);

export const alreadyExists = (message: string) => new AwsError("ResourceAlreadyExistsException", message);

export const limitExceeded = () =>
  new AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.");

export const invalidPattern = (reason: string) =>
  new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`);
