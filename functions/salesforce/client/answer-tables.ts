/**
 * What an answer of Salesforce means for the work: the `session` is dead or the organisation has moved, it may be
 * different later (`retry`), too much is asked at once (`busy`), a `limit` of calls is used up, our user or application
 * is not allowed in at all (`login`), it may not do this one thing until somebody grants it (`permission`), or the request
 * itself is `refused`. Of the last three only `login` is a reason to make no other call.
 */
export type Meaning = "session" | "retry" | "busy" | "limit" | "login" | "permission" | "refused";

/** HTTP statuses, both ends included, that say enough by themselves, whatever the body says. */
export interface StatusRow {
  readonly from: number;
  readonly to: number;
  readonly means: Meaning;
  readonly source: string;
}

/** Codes that mean the same. */
export interface CodeRow {
  readonly codes: readonly string[];
  readonly means: Meaning;
  readonly source: string;
}

/** Everything that is known of the answers of one surface. */
export interface AnswerTable {
  readonly statuses: readonly StatusRow[];
  readonly codes: readonly CodeRow[];
}

const REST_ERRORS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm";
const EXCEPTION_CODES =
  "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm";
const BULK_ERRORS =
  "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/asynch_api_reference_errors.htm";
const OAUTH_ERRORS = "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm";
const LOCKS = "https://help.salesforce.com/s/articleView?id=000387767&type=1";
const JWT_FORMAT = "https://github.com/airbytehq/airbyte/issues/71024";
const HTTP = "https://www.rfc-editor.org/rfc/rfc9110#section-15";
const TOO_EARLY = "https://www.rfc-editor.org/rfc/rfc8470#section-5.2";
const TOO_MANY = "https://www.rfc-editor.org/rfc/rfc6585#section-4";

const PASSING: readonly StatusRow[] = [
  { from: 408, to: 408, means: "retry", source: HTTP },
  { from: 420, to: 420, means: "busy", source: REST_ERRORS },
  { from: 425, to: 425, means: "retry", source: TOO_EARLY },
  { from: 429, to: 429, means: "busy", source: TOO_MANY },
  { from: 500, to: 599, means: "retry", source: REST_ERRORS },
];

const LIMITS: CodeRow = { codes: ["REQUEST_LIMIT_EXCEEDED"], means: "limit", source: EXCEPTION_CODES };
const BUSY_ROWS: CodeRow = {
  codes: ["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION"],
  means: "retry",
  source: EXCEPTION_CODES,
};
const SHUT_OUT: CodeRow = {
  codes: [
    "API_CURRENTLY_DISABLED",
    "API_DISABLED_FOR_ORG",
    "INVALID_LOGIN",
    "LOGIN_DURING_RESTRICTED_DOMAIN",
    "LOGIN_DURING_RESTRICTED_TIME",
    "ORG_LOCKED",
    "PASSWORD_LOCKOUT",
    "TRIAL_EXPIRED",
  ],
  means: "login",
  source: EXCEPTION_CODES,
};
/** "Other calls may continue to work", as their documentation has it. */
const NOT_ENABLED: CodeRow = { codes: ["FUNCTIONALITY_NOT_ENABLED"], means: "permission", source: EXCEPTION_CODES };
/** What a record or a field cannot take, however often it is tried. */
const UNFIT: CodeRow = {
  codes: [
    "DUPLICATES_DETECTED",
    "DUPLICATE_EXTERNAL_ID",
    "DUPLICATE_VALUE",
    "ENTITY_IS_DELETED",
    "ENTITY_IS_LOCKED",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    "FIELD_INTEGRITY_EXCEPTION",
    "INVALID_CROSS_REFERENCE_KEY",
    "INVALID_EMAIL_ADDRESS",
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "INVALID_ID_FIELD",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_TYPE",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "MALFORMED_ID",
    "MISSING_ARGUMENT",
    "NOT_FOUND",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG",
  ],
  means: "refused",
  source: EXCEPTION_CODES,
};

/** A whole call of the REST API or of Bulk API 2.0. */
export const CALL_ANSWERS: AnswerTable = {
  statuses: [
    { from: 300, to: 399, means: "session", source: HTTP },
    { from: 401, to: 401, means: "session", source: REST_ERRORS },
    ...PASSING,
  ],
  codes: [
    LIMITS,
    BUSY_ROWS,
    { codes: ["INVALID_SESSION_ID", "INVALID_AUTH_HEADER"], means: "session", source: REST_ERRORS },
    { codes: ["INVALID_JWT_FORMAT"], means: "session", source: JWT_FORMAT },
    SHUT_OUT,
    NOT_ENABLED,
    { codes: ["INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"], means: "permission", source: EXCEPTION_CODES },
    { codes: ["FEATURENOTENABLED"], means: "permission", source: BULK_ERRORS },
    UNFIT,
    {
      codes: [
        "EXCEEDED_ID_LIMIT",
        "INVALID_OPERATION",
        "INVALID_QUERY_FILTER_OPERATOR",
        "INVALID_QUERY_LOCATOR",
        "INVALID_REPLICATION_DATE",
        "INVALID_SEARCH",
        "JSON_PARSER_ERROR",
        "MALFORMED_QUERY",
        "MALFORMED_SEARCH",
        "OPERATION_TOO_LARGE",
        "QUERY_TOO_COMPLICATED",
        "UNSUPPORTED_API_VERSION",
      ],
      means: "refused",
      source: EXCEPTION_CODES,
    },
    {
      codes: ["INVALIDBATCH", "INVALIDENTITYDATA", "INVALIDJOB", "INVALIDJOBSTATE"],
      means: "refused",
      source: BULK_ERRORS,
    },
    // Answers without a code of their own: a wrong method, a retired version, a URL or headers that are too long.
    {
      codes: ["ERROR_HTTP_405", "ERROR_HTTP_410", "ERROR_HTTP_414", "ERROR_HTTP_415", "ERROR_HTTP_431"],
      means: "refused",
      source: REST_ERRORS,
    },
  ],
};

/** The token endpoint. A refusal there is a matter of credentials or of the application, never of the work. */
export const TOKEN_ANSWERS: AnswerTable = {
  statuses: [{ from: 300, to: 399, means: "retry", source: HTTP }, ...PASSING],
  codes: [
    {
      codes: ["unknown_error", "server_error", "temporarily_unavailable", "rate_limit_exceeded"],
      means: "retry",
      source: OAUTH_ERRORS,
    },
    {
      codes: [
        "OAUTH_APP_BLOCKED",
        "OAUTH_EC_APP_NOT_FOUND",
        "access_denied",
        "app_not_found",
        "inactive_org",
        "inactive_user",
        "invalid_app_access",
        "invalid_assertion_type",
        "invalid_client",
        "invalid_client_credentials",
        "invalid_client_id",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
      ],
      means: "login",
      source: OAUTH_ERRORS,
    },
  ],
};

/** One record of a collection. What a user may not do to it is a matter of this record. */
export const RECORD_CODES: readonly CodeRow[] = [
  LIMITS,
  BUSY_ROWS,
  // Nothing was wrong with the record itself.
  { codes: ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED"], means: "retry", source: EXCEPTION_CODES },
  { codes: ["INVALID_SESSION_ID"], means: "retry", source: REST_ERRORS },
  SHUT_OUT,
  NOT_ENABLED,
  UNFIT,
  {
    codes: [
      "CANNOT_UPDATE_CONVERTED_LEAD",
      "INSUFFICIENT_ACCESS",
      "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
      "INSUFFICIENT_ACCESS_OR_READONLY",
    ],
    means: "refused",
    source: EXCEPTION_CODES,
  },
];

/**
 * Causes that pass, by which a trigger or flow of the organisation failed: the code is then a general one such as
 * CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, and only the message names them.
 */
export const RECORD_CAUSES: readonly { readonly words: RegExp; readonly source: string }[] = [
  {
    words: /\b(UNABLE_TO_LOCK_ROW|QUERY_TIMEOUT|REQUEST_RUNNING_TOO_LONG|SERVER_UNAVAILABLE)\b/,
    source: EXCEPTION_CODES,
  },
  { words: /unable to obtain exclusive access/i, source: LOCKS },
  { words: /currently being modified by another user/i, source: LOCKS },
];

/** What a code means; undefined when no row has it. */
export function meaningOf(rows: readonly CodeRow[], code: string): Meaning | undefined {
  return rows.find(({ codes }) => codes.includes(code))?.means;
}
