import { MAX_IN_LIST, MAX_READ } from "../client/records.ts";
import type { Salesforce } from "../client/types.ts";

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
        count(Math.ceil(ids.length / MAX_READ));
        return salesforce.readRecords(entity, ids, fields);
      },
      findDeleted(entity, ids) {
        count(Math.ceil(ids.length / MAX_IN_LIST));
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
