import { MAX_QUERY_JOBS_A_DAY } from "../bulk/query-jobs.ts";
import type { Org } from "../org.ts";
import { type App, json } from "./call.ts";

/** Limits that the emulator does not spend. */
const UNSPENT: Readonly<Record<string, number>> = {
  DailyBulkApiBatches: 15_000,
  DailyBulkV2QueryFileStorageMB: 976_562,
  DailyAsyncApexExecutions: 250_000,
  HourlyPublishedPlatformEvents: 50_000,
  DataStorageMB: 10_240,
  FileStorageMB: 10_240,
};

/** What is left of the org's allocations. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm */
export function installLimits(app: App, org: Org): void {
  app.get("/services/data/:version/limits", (c) => {
    const { api, deliveries, rest } = org.state;
    const limit = (max: number, used: number) => ({ Max: max, Remaining: Math.max(0, max - used) });
    return json(c, {
      DailyApiRequests: limit(api.max, api.used),
      DailyBulkV2QueryJobs: limit(MAX_QUERY_JOBS_A_DAY, rest.bulk.queryJobsToday),
      DailyDeliveredPlatformEvents: limit(deliveries.max, deliveries.used),
      ...Object.fromEntries(Object.entries(UNSPENT).map(([name, max]) => [name, limit(max, 0)])),
    });
  });
}
