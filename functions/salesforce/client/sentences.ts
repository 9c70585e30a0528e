import type { Sentence } from "#shared/words.ts";

const REST_ERRORS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm";
const EXCEPTION_CODES =
  "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm";
const LOCKS = "https://help.salesforce.com/s/articleView?id=000387767&type=1";
const OAUTH_ERRORS = "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm";

const ID = "(?:[a-zA-Z0-9]{18}|[a-zA-Z0-9]{15})";

/**
 * What Salesforce says beside a code that helps a person and names ids, fields and objects alone. Anything else of its
 * words stays behind: a validation rule says what an administrator wrote, and many messages repeat the value.
 */
export const SALESFORCE_SENTENCES: readonly Sentence[] = [
  {
    codes: ["INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"],
    words: /No such column '\w{1,80}' on (?:sobject of type \w{1,80}|entity '\w{1,80}')/,
    source: EXCEPTION_CODES,
  },
  { codes: ["INVALID_TYPE"], words: /sObject type '\w{1,80}' is not supported/, source: EXCEPTION_CODES },
  {
    codes: ["REQUEST_LIMIT_EXCEEDED"],
    words: /\b(?:TotalRequests|Concurrent[A-Za-z]{1,40}) Limit exceeded/,
    source: EXCEPTION_CODES,
  },
  {
    codes: ["DUPLICATE_VALUE"],
    words: new RegExp(`duplicates value on record with id: ${ID}\\b`),
    source: EXCEPTION_CODES,
  },
  {
    codes: ["INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"],
    words: new RegExp(`insufficient access rights on (?:object|cross-reference) id(?:: ${ID}\\b)?`),
    source: EXCEPTION_CODES,
  },
  {
    codes: ["UNABLE_TO_LOCK_ROW"],
    words: /unable to obtain exclusive access to this record(?: or \d{1,6} records)?/,
    source: LOCKS,
  },
  { codes: ["INVALID_SESSION_ID"], words: /Session expired or invalid/, source: REST_ERRORS },
  {
    codes: ["invalid_grant"],
    words:
      /^(?:authentication failure|expired authorization code|expired access\/refresh token|invalid assertion|audience is invalid|user hasn't approved this consumer|request not supported on this domain|no client credentials user enabled|ip restricted(?: or invalid login hours)?)$/,
    source: OAUTH_ERRORS,
  },
  {
    codes: ["invalid_client", "invalid_client_id"],
    words: /^(?:invalid client credentials|client identifier invalid)$/,
    source: OAUTH_ERRORS,
  },
];
