import { BoundedRegExp } from "../../bounded-regexp.ts";
import { AwsError } from "../kernel/errors.ts";

/** Whether a log line meets a filter pattern. */
export type Matcher = (message: string) => boolean;

/** The expression between two percent signs of a pattern. @throws AwsError `InvalidParameterException` */
export function regularExpression(source: string): RegExp {
  try {
    return new BoundedRegExp(source);
  } catch (cause) {
    throw new AwsError("InvalidParameterException", `Invalid regular expression %${source}%.`, { cause });
  }
}
