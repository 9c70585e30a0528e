import { bareMessage, networkCodeOf } from "#shared/bare-error.ts";
import {
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import { allowedWords, codeIn, fieldsIn } from "#shared/words.ts";
import {
  type AnswerTable,
  CALL_ANSWERS,
  type Meaning,
  meaningOf,
  RECORD_CAUSES,
  RECORD_CODES,
  TOKEN_ANSWERS,
} from "./answer-tables.ts";
import { SALESFORCE_SENTENCES } from "./sentences.ts";

const DAILY_LIMIT_SECONDS = 3_600;
const BUSY_SECONDS = 5;
const NO_PERMISSION =
  " (the login is good; in Salesforce Setup, grant the integration user the permission or enable the feature)";
const SESSION_POLICIES = " (right after a login; if it stays so, check the integration user's session policies)";

/** Salesforce's codes that are one word, such as those of the Bulk API. */
const ONE_WORD = [...CALL_ANSWERS.codes, ...RECORD_CODES].flatMap(({ codes }) =>
  codes.filter((code) => !code.includes("_")),
);
/** Fields of the company's own, and those of the platform that an account or a contact has. */
const FIELD =
  /^(?:[A-Za-z]\w*__(?:c|r|pc)(?:\.\w+__c)?|Id|Name|(?:First|Last|Middle)Name|(?:Person)?Email|Phone|Fax|Website|Industry|Type|ParentId|AccountId|OwnerId|RecordTypeId|(?:Billing|Shipping|Mailing|Other)(?:Address|Street|City|State|PostalCode|Country|StateCode|CountryCode))$/;

/** What no retry changes. */
const FINAL: ReadonlySet<Meaning> = new Set(["login", "permission", "refused"]);

/** One thing that an answer says is wrong. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** Who answered: the API, or the token endpoint. */
export type Surface = "call" | "token";

/** An answer that is no result, with what jsforce hides of it. */
export class RefusedAnswer extends Error {
  override readonly name = "RefusedAnswer";
  readonly surface: Surface;
  readonly status: number;
  readonly problems: readonly Problem[];
  /** What `Retry-After` asks for. */
  readonly retryAfterSeconds: number | undefined;
  readonly requestId: string | undefined;
  /** Method and path of the call, without its query, which may hold values; empty when nobody said. */
  readonly call: string;

  constructor(
    surface: Surface,
    status: number,
    { problems = [], retryAfterSeconds, requestId, call = "" }: Partial<Omit<RefusedAnswer, "surface" | "status">> = {},
  ) {
    super(`HTTP ${status}`);
    this.surface = surface;
    this.status = status;
    this.problems = problems.length > 0 ? problems : [{ code: `ERROR_HTTP_${status}`, message: "" }];
    this.retryAfterSeconds = retryAfterSeconds;
    this.requestId = requestId;
    this.call = call;
  }
}

/** Whether the session is gone, or the organisation has moved, and a new session may help. */
export function isSessionExpired(error: unknown): boolean {
  return error instanceof RefusedAnswer && judge(error).means === "session";
}

/** What the body of an answer says is wrong: REST names a list of errors, the token endpoint one. */
export function problemsIn(body: unknown): Problem[] {
  const some = Array.isArray(body) ? body : [body];
  return some.flatMap((one) => {
    const { errorCode, error, message, error_description: description } = (one ?? {}) as Record<string, unknown>;
    const code = errorCode ?? error;
    const words = message ?? description ?? "";
    if (typeof code !== "string" || code === "") return [];
    return typeof words === "string" ? [{ code: codeIn(code, ONE_WORD), message: words }] : [];
  });
}

/** One record of a collection was refused for good, while the call itself went well. */
export class RecordRefusedError extends RejectedByTargetError {}

/** One error of one record, as collections tell it. */
export interface RecordError {
  readonly statusCode: string;
  readonly message: string;
  readonly fields?: readonly string[] | undefined;
}

/**
 * Why one record of a collection was refused, in the fleet's words: the worst of its errors decides, and a record that
 * one error refuses for good is not tried again for another's sake. A code that nobody knows refuses, unless its message
 * names a cause that passes.
 */
export function toRecordError(entity: string, id: string, errors: readonly RecordError[]): FleetError {
  const found = errors.map(({ statusCode: given, message, fields = [] }) => {
    const statusCode = codeIn(given, ONE_WORD);
    const names = fieldsIn(fields, FIELD);
    const where = `${entity} ${id}${names.length > 0 ? ` (${names.join(", ")})` : ""}`;
    const passes = RECORD_CAUSES.some(({ words }) => words.test(message));
    const means = meaningOf(RECORD_CODES, statusCode) ?? (passes ? "retry" : "refused");
    const text = `Salesforce refused ${where} with ${statusCode}${wordsOf(statusCode, message)}`;
    return means === "refused"
      ? new RecordRefusedError(statusCode, text)
      : errorOf(means, { code: statusCode, message }, text);
  });
  const missing = new RecordRefusedError("UNKNOWN", `Salesforce refused ${entity} ${id} without saying why.`);
  return found.find(({ retryable }) => !retryable) ?? found[0] ?? missing;
}

/**
 * The error of a whole call in the fleet's words. A wait that Salesforce names is kept; then the status decides where it
 * says enough, then the codes that are known; what nobody knows may pass.
 */
export function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const options = { cause: error };
  if (error instanceof RefusedAnswer) {
    const { means, problem } = judge(error);
    const { retryAfterSeconds, call } = error;
    const text = `Salesforce answered ${problem.code}${call && ` to ${call}`}${wordsOf(problem.code, problem.message)}`;
    if (retryAfterSeconds !== undefined)
      return new RateLimitedError(problem.code, text, { ...options, retryAfterSeconds });
    return errorOf(means, problem, text, options);
  }
  // By its shape: what aborts a fetch is no Error everywhere.
  if ((error as Partial<Error> | undefined)?.name === "TimeoutError")
    return new TransientError("TIMEOUT", "Salesforce did not answer in time; the work is tried again.", options);
  const reason = networkCodeOf(error) || bareMessage(error);
  return new TransientError("UNREACHABLE", `Salesforce could not be reached: ${reason}`, options);
}

/** What an answer means, and which of its problems says so: of several the one that is final. */
function judge({ surface, status, problems }: RefusedAnswer): { means: Meaning; problem: Problem } {
  const table: AnswerTable = surface === "call" ? CALL_ANSWERS : TOKEN_ANSWERS;
  const judged = problems.map((problem) => ({ problem, means: meaningOf(table.codes, problem.code) ?? "retry" }));
  const final = judged.find(({ means }) => FINAL.has(means));
  const first = final ?? (judged[0] as (typeof judged)[number]);
  const byStatus = table.statuses.find(({ from, to }) => from <= status && status <= to)?.means;
  // That the day's calls are used up is said under several statuses, and asks for more patience than any of them.
  const means = byStatus && first.means !== "limit" ? byStatus : first.means;
  return { means, problem: first.problem };
}

function errorOf(
  means: Meaning,
  { code, message }: Problem,
  text: string,
  options: { cause?: unknown } = {},
): FleetError {
  switch (means) {
    case "limit":
      return limitExceeded(text, message, options);
    case "busy":
      return new RateLimitedError(code, text, { ...options, retryAfterSeconds: BUSY_SECONDS });
    case "login":
      return new NotAuthorizedError(code, text, options);
    case "permission":
      return new NotAuthorizedError(code, `${text}${NO_PERMISSION}`, { ...options, onlyThisCall: true });
    case "refused":
      return new RejectedByTargetError(code, text, options);
    // The login before was accepted, so it is no matter of credentials; logins are limited, so it cannot go on for ever.
    case "session":
      return new TransientError(code, `${text}${SESSION_POLICIES}`, options);
    case "retry":
      return new TransientError(code, text, options);
  }
}

function wordsOf(code: string, message: string): string {
  const words = allowedWords(SALESFORCE_SENTENCES, code, message);
  return words ? `: ${words}` : ".";
}

/** Both limits have one code; only the message tells them apart. */
function limitExceeded(text: string, message: string, options: { cause?: unknown }): RateLimitedError {
  const daily = /TotalRequests/i.test(message);
  const retryAfterSeconds = daily ? DAILY_LIMIT_SECONDS : BUSY_SECONDS;
  return new RateLimitedError(daily ? "DAILY_LIMIT" : "CONCURRENT_LIMIT", text, { ...options, retryAfterSeconds });
}
