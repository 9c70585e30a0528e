import { AwsError } from "../kernel/errors.ts";
import { emptyBatch, idsNotDistinct, invalidBatchId, tooManyEntries } from "./errors.ts";

const ID = /^[A-Za-z0-9_-]{1,80}$/;

/**
 * Runs a batch entry by entry; one that fails does not stop the others.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
 * @param operation its name, such as `SendMessageBatch`
 * @throws AwsError when the batch as a whole is wrong: empty, more than ten, ids repeated or not valid
 */
export function runBatch<Entry extends { readonly Id?: string }>(
  operation: string,
  entries: readonly Entry[] | undefined,
  run: (entry: Entry) => object,
) {
  checkEntries(operation, entries ?? []);
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries ?? []) {
    try {
      Successful.push({ Id: entry.Id, ...run(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const Code = error.queryCode ?? error.code;
      Failed.push({ Id: entry.Id, SenderFault: true, Code, Message: error.message });
    }
  }
  return {
    ...(Successful.length > 0 ? { Successful } : {}),
    ...(Failed.length > 0 ? { Failed } : {}),
  };
}

function checkEntries(operation: string, entries: readonly { readonly Id?: string }[]): void {
  if (entries.length === 0) throw emptyBatch(operation);
  if (entries.length > 10) throw tooManyEntries(entries.length);
  const seen = new Set<string>();
  for (const { Id } of entries) {
    if (!Id || !ID.test(Id)) throw invalidBatchId();
    if (seen.has(Id)) throw idsNotDistinct(Id);
    seen.add(Id);
  }
}
