/**
 * Which messages a `ReportBatchItemFailures` answer leaves on the queue. Anything that is not a well-formed list of
 * known ids fails the whole batch; an empty answer of any kind is a success.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 *
 * @param payload the function's answer as JSON text
 * @param ids the message ids of the batch
 */
export function failedItems(payload: string, ids: readonly string[]): ReadonlySet<string> {
  const answer = parse(payload);
  if (isEmpty(answer)) return new Set();
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return new Set(ids);
  const failures = (answer as { batchItemFailures?: unknown }).batchItemFailures ?? [];
  if (!Array.isArray(failures)) return new Set(ids);
  const failed = failures.map((failure) => failure?.itemIdentifier);
  return failed.every((id) => ids.includes(id)) ? new Set(failed) : new Set(ids);
}

const INVALID = Symbol("invalid JSON");

function parse(payload: string): unknown {
  if (payload === "") return null;
  try {
    return JSON.parse(payload);
  } catch {
    return INVALID;
  }
}

function isEmpty(answer: unknown): boolean {
  return answer === null || answer === "" || (Array.isArray(answer) && answer.length === 0);
}
