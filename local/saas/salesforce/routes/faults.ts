import { z } from "zod";
import type { DrawnFault } from "../../front/faults.ts";
import { seededRandom } from "../../front/faults.ts";
import { limitExceeded, rowLocked, SalesforceError, serverUnavailable, sessionExpired } from "../errors.ts";
import type { Context } from "./call.ts";

/** Faults that the Salesforce emulator plays itself. */
export const SALESFORCE_FAULTS = [
  "sessionExpired",
  "dailyLimit",
  "concurrentLimit",
  "rowLock",
  "duplicateValue",
  "validationException",
  "queryTimeout",
  "bulkJobFailed",
  "serverUnavailable",
  "serverUnavailableHtml",
] as const;

/** `body` of a fault that hits records: which of a collection, and what the error says. */
const recordFault = z.strictObject({
  /** Chance of each record of a collection; 1 hits all. */
  recordProbability: z.number().min(0).max(1).default(1),
  seed: z.int().default(1),
  /** Text of a validation rule, or of another fault in place of its own. */
  message: z.string().optional(),
  /** Fields that a validation rule names. */
  fields: z.array(z.string()).default([]),
});

/** The error of one record of a call, by its id; undefined spares the record. */
export type RecordFault = (id: string) => SalesforceError | undefined;

const NOTHING_HIT: RecordFault = () => undefined;
const RECORD_FAULTS: ReadonlySet<string> = new Set(["rowLock", "duplicateValue", "validationException"]);
const ERROR_PAGE = "<html><head><title>Server Unavailable</title></head><body>Server Unavailable</body></html>";

/**
 * The answer of a named fault, or undefined when the call goes on: collections and bulk jobs play faults of records
 * themselves, record by record.
 * @throws SalesforceError the fault
 */
export function playFault(c: Context, fault: DrawnFault): Response | undefined {
  const name = fault.error ?? "";
  if (RECORD_FAULTS.has(name)) return playRecordFault(c, name, fault.body);
  switch (name) {
    case "sessionExpired":
      throw sessionExpired();
    case "dailyLimit":
      throw limitExceeded("TotalRequests");
    case "concurrentLimit":
      throw limitExceeded("ConcurrentPerOrgLongTxn");
    case "queryTimeout":
      throw queryTimeout();
    case "bulkJobFailed":
      return void c.set("bulkFailure", typeof fault.body === "string" ? fault.body : queryTimeout().message);
    case "serverUnavailable":
      return Response.json(serverUnavailable().body(), { status: 503 });
    case "serverUnavailableHtml":
      return new Response(ERROR_PAGE, { status: 503, headers: { "content-type": "text/html" } });
    default:
      return undefined;
  }
}

/** What hits single records of this call. */
export function recordFaultOf(c: Context): RecordFault {
  return (c.get("recordFault") as RecordFault | undefined) ?? NOTHING_HIT;
}

/** Message with which the bulk job of this call must fail. */
export function bulkFailureOf(c: Context): string | undefined {
  return c.get("bulkFailure") as string | undefined;
}

function playRecordFault(c: Context, name: string, body: unknown): undefined {
  const { recordProbability, seed, message, fields } = recordFault.parse(body ?? {});
  const random = seededRandom(seed);
  const hit: RecordFault = (id) => {
    if (recordProbability < 1 && random() >= recordProbability) return undefined;
    return recordError(name, id, message, fields);
  };
  if (/\/(composite|jobs)(\/|$)/.test(c.req.path)) return void c.set("recordFault", hit);
  const error = hit(c.req.path.split("/").at(-1) ?? "");
  if (error) throw error;
}

function recordError(name: string, id: string, message: string | undefined, fields: string[]): SalesforceError {
  if (name === "rowLock") return rowLocked(id);
  if (name === "duplicateValue") {
    const text = `duplicate value found: Stripe_Customer_Id__c duplicates value on record with id: ${id}`;
    return new SalesforceError(400, "DUPLICATE_VALUE", message ?? text, []);
  }
  const text = message ?? "A validation rule of the org refuses this record.";
  return new SalesforceError(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", text, fields);
}

function queryTimeout(): SalesforceError {
  return new SalesforceError(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
}
