import { BoundedRegExp } from "../../bounded-regexp.ts";
import { AwsError } from "../kernel/errors.ts";

/** Whether a log line meets a filter pattern. */
export type Matcher = (message: string) => boolean;

/**
 * What the expression between two percent signs of a pattern finds.
 * @throws AwsError `InvalidParameterException`, also while it searches, when that takes too long
 */
export function regularExpression(source: string): Matcher {
  const refused = (cause: unknown) =>
    new AwsError("InvalidParameterException", `Invalid regular expression %${source}%.`, { cause });
  let expression: RegExp;
  try {
    expression = new BoundedRegExp(source);
  } catch (cause) {
    throw refused(cause);
  }
  return (text) => {
    try {
      return expression.test(text);
    } catch (cause) {
      throw refused(cause);
    }
  };
}
