import { malformedQuery } from "../errors.ts";
import type { Org } from "../org.ts";
import { describeColumns } from "../soql/columns.ts";
import { Cursors } from "../soql/cursors.ts";
import { runQuery } from "../soql/run.ts";
import { type App, type Context, json, scopeOf, versionOf } from "./call.ts";

const DATA = "/services/data/:version";

/**
 * Queries with their pages.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm
 */
export function installQueries(app: App, org: Org): void {
  const cursors = new Cursors();
  const run = (c: Context, includeDeleted: boolean) => {
    const soql = c.req.query("q");
    if (!soql) throw malformedQuery("unexpected token: '<EOF>'");
    const options = { ...scopeOf(c, org), soql, includeDeleted };
    if (c.req.query("columns") === "true") return json(c, describeColumns(options));
    const result = runQuery(options);
    return json(c, cursors.first(result, c.req.header("sforce-query-options"), versionOf(c)));
  };
  const more = (c: Context) =>
    json(c, cursors.next(c.req.param("locator") ?? "", c.req.header("sforce-query-options"), versionOf(c)));
  for (const slash of ["", "/"]) {
    app.get(`${DATA}/query${slash}`, (c) => run(c, false));
    app.get(`${DATA}/queryAll${slash}`, (c) => run(c, true));
    app.get(`${DATA}/tooling/query${slash}`, (c) => runTooling(c));
  }
  app.get(`${DATA}/query/:locator`, more);
  app.get(`${DATA}/queryAll/:locator`, more);
}

/** Objects of the Tooling API, of which this org has no records. */
const TOOLING =
  /\bFROM\s+(ManagedEventSubscription|EventRelayConfig|PlatformEventChannel|PlatformEventChannelMember)\b/i;

/** @throws SalesforceError `INVALID_TYPE` */
function runTooling(c: Context): Response {
  const soql = c.req.query("q") ?? "";
  const known = TOOLING.exec(soql)?.[1];
  if (!known) throw malformedQuery(`unexpected object in a query of the Tooling API: ${soql}`);
  return json(c, { size: 0, totalSize: 0, done: true, queryLocator: null, entityTypeName: known, records: [] });
}
