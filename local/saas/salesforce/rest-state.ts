import type { IngestJob, QueryJob } from "./bulk/jobs.ts";

/** A refresh token; those of one login form a family. */
export interface RefreshToken {
  readonly userId: string;
  readonly clientId: string;
  readonly family: string;
  /** Given out again with rotation on: using it once more revokes the family. */
  isSpent: boolean;
}

/** What the REST side of the org keeps beside records. */
export interface RestState {
  /** User id → `Object.Field` → the most that the user may do with it. */
  fieldAccess: Record<string, Record<string, "hidden" | "readOnly">>;
  oauth: {
    refreshTokens: Record<string, RefreshToken>;
    /** Each refresh gives a new refresh token, and the old one must not come back. */
    rotatesRefreshTokens: boolean;
    /** The username-password flow, which new orgs do not have. */
    allowsPasswordGrant: boolean;
    /** Origin that tokens name as `instance_url`; other origins refuse API calls. Null: where the org listens. */
    instanceUrl: string | null;
  };
  bulk: {
    queryJobs: Record<string, QueryJob>;
    ingestJobs: Record<string, IngestJob>;
    sequence: number;
    /** How many polls still see a job at work. */
    pollsInProgress: number;
    /** Rows of a page of results when the caller does not say. */
    pageRows: number;
    /** Query jobs of the day that began at `windowStart` (epoch milliseconds). */
    queryJobsToday: number;
    windowStart: number;
  };
}

export function freshRestState(now: number): RestState {
  return {
    fieldAccess: {},
    oauth: { refreshTokens: {}, rotatesRefreshTokens: false, allowsPasswordGrant: false, instanceUrl: null },
    bulk: {
      queryJobs: {},
      ingestJobs: {},
      sequence: 0,
      pollsInProgress: 1,
      pageRows: 50_000,
      queryJobsToday: 0,
      windowStart: now,
    },
  };
}
