import { flattenEvent } from "../../events/matcher.ts";
import { compilePattern } from "../../events/pattern.ts";
import type { SqsRecord } from "./record.ts";

/** Whether a message may reach the function. */
export type Filter = (record: SqsRecord) => boolean;

/**
 * Compiles one filter of an event source mapping: an event pattern over the record, whose `body` is JSON when the
 * pattern looks into it. A body of the other kind than the pattern expects never matches.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
 * @throws AwsError `InvalidEventPatternException`
 */
export function compileFilter(text: string): Filter {
  const pattern = compilePattern(text);
  const { body } = JSON.parse(text) as { body?: unknown };
  if (body === undefined) return (record) => pattern.matches(flattenEvent(record));
  const looksInside = !Array.isArray(body);
  return (record) => {
    const parsed = parseObject(record.body);
    if (looksInside !== (parsed !== undefined)) return false;
    return pattern.matches(flattenEvent(parsed ? { ...record, body: parsed } : record));
  };
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
