/**
 * An error as the REST API writes it: `[{message, errorCode, fields?}]`.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 */
export class SalesforceError extends Error {
  override readonly name = "SalesforceError";
  readonly status: number;
  readonly errorCode: string;
  readonly fields: readonly string[] | undefined;

  constructor(status: number, errorCode: string, message: string, fields?: readonly string[]) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.fields = fields;
  }

  body(): readonly unknown[] {
    const { message, errorCode, fields } = this;
    return [{ message, errorCode, ...(fields ? { fields } : {}) }];
  }
}

export const notFound = () => new SalesforceError(404, "NOT_FOUND", "The requested resource does not exist");

export const entityIsDeleted = () => new SalesforceError(404, "ENTITY_IS_DELETED", "entity is deleted", []);

export const sessionExpired = () => new SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid");

export const limitExceeded = (limit: "TotalRequests" | "ConcurrentPerOrgLongTxn") =>
  new SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", `${limit} Limit exceeded.`);

export const serverUnavailable = () => new SalesforceError(503, "SERVER_UNAVAILABLE", "Server Unavailable");

export const rowLocked = (id: string) =>
  new SalesforceError(
    400,
    "UNABLE_TO_LOCK_ROW",
    `unable to obtain exclusive access to this record or 1 records: ${id}`,
    [],
  );

export const noSuchColumn = (field: string, type: string) =>
  new SalesforceError(400, "INVALID_FIELD", `No such column '${field}' on sobject of type ${type}`);

export const unsupportedType = (type: string) =>
  new SalesforceError(
    400,
    "INVALID_TYPE",
    `sObject type '${type}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
  );

export const jsonParserError = (message: string) => new SalesforceError(400, "JSON_PARSER_ERROR", message);

export const malformedQuery = (message: string) => new SalesforceError(400, "MALFORMED_QUERY", message);

export const queryTimeout = () =>
  new SalesforceError(400, "QUERY_TIMEOUT", "Your query request was running for too long.");

/** Beyond what the emulator plays: said plainly, never ignored. */
export const notEmulated = (what: string) =>
  new SalesforceError(400, "NOT_EMULATED", `The Salesforce emulator does not support ${what}.`);
