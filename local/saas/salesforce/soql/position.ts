import { SalesforceError } from "../errors.ts";

/** Characters of the query that are shown before the place of the error. */
const CONTEXT_BEFORE = 20;
/** Characters of the query that are shown after it. */
const CONTEXT_AFTER = 30;

/**
 * An error of a query as Salesforce words it: an excerpt, a caret under the place, row and column from 1, the message.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 */
export function errorAt(soql: string, offset: number, errorCode: string, message: string): SalesforceError {
  const before = soql.slice(0, offset).split("\n");
  const row = before.length;
  const line = soql.split("\n")[row - 1] ?? "";
  const column = (before.at(-1) ?? "").length + 1;
  const start = Math.max(0, column - 1 - CONTEXT_BEFORE);
  const excerpt = line.slice(start, column - 1 + CONTEXT_AFTER);
  const caret = `${" ".repeat(column - 1 - start)}^`;
  return new SalesforceError(
    400,
    errorCode,
    `\n${excerpt}\n${caret}\nERROR at Row:${row}:Column:${column}\n${message}`,
  );
}

/** The place of a name in a query, outside of its texts; 0 when it is not there. */
export function placeOf(soql: string, name: string): number {
  const blanked = soql.replace(/'(?:[^'\\]|\\.)*'/g, (text) => " ".repeat(text.length));
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return Math.max(0, blanked.search(new RegExp(`(?<![\\w])${escaped}(?![\\w])`, "i")));
}

/** `INVALID_FIELD` for a name that the object does not have, at its place in the query. */
export function noColumnInQuery(soql: string, name: string, typeName: string): SalesforceError {
  return errorAt(
    soql,
    placeOf(soql, name),
    "INVALID_FIELD",
    `No such column '${name}' on entity '${typeName}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}
