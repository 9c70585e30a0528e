import { randomInt } from "node:crypto";
import { SalesforceError } from "../errors.ts";
import { makeId } from "../ids.ts";
import type { QueryResult } from "./run.ts";

const DEFAULT_BATCH = 2000;
const SMALLEST_BATCH = 200;
/** Cursors that the org keeps open; older ones are closed. */
const MAX_CURSORS = 10;

/** One page of a query as the API answers it. */
export interface Page {
  readonly totalSize: number;
  readonly done: boolean;
  readonly nextRecordsUrl?: string;
  readonly records: readonly unknown[];
}

/** Open queries: each keeps the rows as they were when it ran. */
export class Cursors {
  readonly #open = new Map<string, QueryResult>();

  /** The first page, and a cursor when there are more. `options` is the header `Sforce-Query-Options`. */
  first(result: QueryResult, options: string | undefined, version: string): Page {
    const size = batchSize(options);
    if (result.length <= size) return page("", result, 0, size, version);
    const id = makeId("01g", randomInt(1, 2 ** 40));
    this.#open.set(id, result);
    const oldest = this.#open.keys().next().value;
    if (this.#open.size > MAX_CURSORS && oldest) this.#open.delete(oldest);
    return page(id, result, 0, size, version);
  }

  /** A page can be read again as long as its cursor is open. @throws SalesforceError `INVALID_QUERY_LOCATOR` */
  next(locator: string, options: string | undefined, version: string): Page {
    const [, id = "", start = ""] = /^(\w+)-(\d+)$/.exec(locator) ?? [];
    const result = this.#open.get(id);
    if (!result || Number(start) >= result.length)
      throw new SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    return page(id, result, Number(start), batchSize(options), version);
  }
}

function page(id: string, result: QueryResult, start: number, size: number, version: string): Page {
  const end = start + size;
  const done = end >= result.length;
  return {
    totalSize: result.totalSize,
    done,
    ...(done ? {} : { nextRecordsUrl: `/services/data/v${version}/query/${id}-${end}` }),
    records: result.page(start, end),
  };
}

function batchSize(options: string | undefined): number {
  const wanted = /batchSize=(\d+)/i.exec(options ?? "")?.[1];
  return wanted ? Math.min(DEFAULT_BATCH, Math.max(SMALLEST_BATCH, Number(wanted))) : DEFAULT_BATCH;
}
