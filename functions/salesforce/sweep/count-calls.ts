import type { Salesforce } from "../client/types.ts";

// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_retrieve.htm
const RECORDS_PER_READ = 2_000;
// As many as findDeleted asks for in one query.
const IDS_PER_QUERY = 200;

/** A client that counts the API calls made through it, as far as a sweep makes any. */
export function countCalls(salesforce: Salesforce): { readonly salesforce: Salesforce; calls(): number } {
  let calls = 0;
  const count = (number: number) => {
    calls += number;
  };
  return {
    calls: () => calls,
    salesforce: {
      ...salesforce,
      readRecords(entity, ids, fields) {
        count(Math.ceil(ids.length / RECORDS_PER_READ));
        return salesforce.readRecords(entity, ids, fields);
      },
      findDeleted(entity, ids) {
        count(Math.ceil(ids.length / IDS_PER_QUERY));
        return salesforce.findDeleted(entity, ids);
      },
      deletedBetween(entity, from, to) {
        count(1);
        return salesforce.deletedBetween(entity, from, to);
      },
      query(soql, options) {
        count(1);
        return salesforce.query(soql, options);
      },
    },
  };
}
