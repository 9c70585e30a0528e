import { SalesforceError } from "../errors.ts";
import type { Org } from "../org.ts";
import { type App, type Context, json } from "./call.ts";
import { typeOf } from "./metadata.ts";

const ROWS = "/services/data/:version/sobjects/:type";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3600 * 1000;
/** How far back the org can say what changed. */
const MAX_DAYS = 30;

interface Window {
  /** Epoch milliseconds, on whole minutes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Ids of what was changed or deleted in a time span. Must come before the routes of records.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getupdated.htm
 */
export function installReplication(app: App, org: Org): void {
  for (const slash of ["", "/"]) {
    app.get(`${ROWS}/updated${slash}`, (c) => {
      const { start, end } = windowOf(c, org);
      const isIn = (stamp: unknown) => Date.parse(String(stamp)) >= start && Date.parse(String(stamp)) < end;
      const records = org.records(typeOf(c, org)).filter((one) => !one.IsDeleted && isIn(one.SystemModstamp));
      return json(c, { ids: records.map((one) => one.Id), latestDateCovered: iso(end) });
    });
    app.get(`${ROWS}/deleted${slash}`, (c) => {
      const { start, end } = windowOf(c, org);
      const deletedRecords = org
        .deletions(typeOf(c, org), start, end)
        .map(({ id, deletedDate }) => ({ deletedDate: iso(Date.parse(deletedDate)), id }));
      const earliest = Math.max(org.now() - MAX_DAYS * DAY_MS, org.state.createdAt ?? 0);
      return json(c, { deletedRecords, earliestDateAvailable: iso(earliest), latestDateCovered: iso(end) });
    });
  }
}

/** @throws SalesforceError `INVALID_REPLICATION_DATE` */
function windowOf(c: Context, org: Org): Window {
  const start = toMinute(c.req.query("start"), "start");
  const end = toMinute(c.req.query("end"), "end");
  if (start >= end) throw invalid("startDate should be at least one minute before endDate");
  if (start < org.now() - MAX_DAYS * DAY_MS) throw invalid(`startDate cannot be more than ${MAX_DAYS} days ago`);
  // The words of a real org: https://github.com/jsforce/jsforce/issues/406
  if (start < (org.state.createdAt ?? 0)) throw invalid("startDate before org replication enabled date");
  return { start, end };
}

function toMinute(text: string | undefined, name: string): number {
  // A plus sign that was not encoded arrives as a blank.
  const time = Date.parse((text ?? "").replace(" ", "+").replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  if (Number.isNaN(time)) throw invalid(`${name} must be a date-time, not '${text ?? ""}'`);
  return Math.floor(time / MINUTE_MS) * MINUTE_MS;
}

function iso(time: number): string {
  return new Date(time).toISOString().replace("Z", "+0000");
}

function invalid(message: string): SalesforceError {
  return new SalesforceError(400, "INVALID_REPLICATION_DATE", message);
}
