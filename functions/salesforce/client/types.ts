import type { SalesforceConnection } from "../org/connection.ts";

/** Objects of Salesforce that the fleet reads; any API name. */
export type EntityName = string;

/** A record that Salesforce has in its recycle bin, or has back from it. */
export interface Deletion {
  readonly isDeleted: boolean;
  readonly systemModstamp: string;
}

/** One entry of an object's delete log, which outlives the recycle bin. */
export interface DeletedRecord {
  readonly id: string;
  /** ISO 8601 in UTC. */
  readonly deletedDate: string;
}

/** One page of a query, at most 2,000 records. */
export interface QueryPage<T> {
  readonly records: readonly T[];
  /** Records that the whole query finds. */
  readonly totalSize: number;
  /** False when there are more: go on by the key of the last record. */
  readonly done: boolean;
}

/** What became of one record of a collection write. */
export type WriteResult = { readonly id: string } | { readonly id: string; readonly error: Error };

/** API calls of the rolling 24 hours, as the last answer told. */
export interface ApiUsage {
  readonly used: number;
  readonly max: number;
  /** Epoch milliseconds. */
  readonly observedAt: number;
}

/** A field as `describe` tells it to our user; what field-level security hides is not there. */
export interface DescribedField {
  readonly name: string;
  /** Such as `string`, `picklist`, `multipicklist`, `currency`, `address`. */
  readonly type: string;
  readonly updateable: boolean;
}

/** A session for another protocol, such as the Pub/Sub API. */
export interface Session {
  readonly accessToken: string;
  readonly instanceUrl: string;
}

/** A query job of Bulk API 2.0. */
export interface BulkJob {
  readonly id: string;
  readonly state: "UploadComplete" | "InProgress" | "JobComplete" | "Failed" | "Aborted";
  readonly recordsProcessed: number;
  readonly errorMessage: string | undefined;
}

/** One page of a query job's result. */
export interface BulkPage {
  /** CSV with its header line. */
  readonly csv: string;
  readonly records: number;
  /** Where the next page begins; undefined on the last. */
  readonly locator: string | undefined;
}

/** What the fleet asks of one Salesforce organisation. Every method throws the fleet's errors only. */
export interface Salesforce {
  /** The connection in use: which organisation, and how it knows our own writes. */
  connection(): Promise<SalesforceConnection>;
  /** Reads records, one call for every 2,000; a record that is not there is missing from the answer. */
  readRecords(entity: EntityName, ids: readonly string[], fields: readonly string[]): Promise<Map<string, unknown>>;
  /** Looks for records in the recycle bin too; a record hard-deleted or out of our sight is missing from the answer. */
  findDeleted(entity: EntityName, ids: readonly string[]): Promise<Map<string, Deletion>>;
  /** The delete log between two moments (ISO 8601), hard-deleted records included. */
  deletedBetween(entity: EntityName, from: string, to: string): Promise<readonly DeletedRecord[]>;
  /** One page of a SOQL query; `deleted` looks into the recycle bin too. */
  query<T = Record<string, unknown>>(soql: string, options?: { deleted?: boolean }): Promise<QueryPage<T>>;
  /** Updates records by `Id` in collections of 200; results in the order given, each record failing alone. */
  updateRecords(entity: EntityName, records: readonly Record<string, unknown>[]): Promise<readonly WriteResult[]>;
  /** Asks for the API usage; counts as a call itself. */
  readUsage(): Promise<ApiUsage>;
  describe(entity: EntityName): Promise<readonly DescribedField[]>;
  /** A session for another protocol; `renew` when the one given before was refused. */
  session(options?: { renew?: boolean }): Promise<Session>;
  /** Bulk API 2.0. Every page is a call of its own: jsforce's own reader crashes on the second page. */
  readonly bulk: {
    createQuery(soql: string): Promise<BulkJob>;
    readJob(jobId: string): Promise<BulkJob>;
    readPage(jobId: string, page: { locator?: string | undefined; maxRecords: number }): Promise<BulkPage>;
  };
}

/** Who the fleet is in an organisation. */
export interface Identity {
  readonly userId: string;
  readonly orgId: string;
  readonly username: string;
}

/** What a person asks who looks into a connection. */
export interface InspectableSalesforce extends Salesforce {
  identity(): Promise<Identity>;
  /** API versions that the organisation serves, such as `67.0`. */
  versions(): Promise<readonly string[]>;
}

/**
 * Who calls. `live` work may use the whole daily budget; `background` work waits below the org's reserve with
 * TargetUnavailableError `API_RESERVE`.
 */
export type Priority = "live" | "background";
