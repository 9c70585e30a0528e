import { notFound } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import { OBJECT_TYPES } from "../schema.ts";
import { visibleType } from "../soql/scope.ts";
import { type App, type Context, json, scopeOf, versionOf } from "./call.ts";
import { describeObject, summaryOf } from "./describe.ts";

const DATA = "/services/data/:version";
const RESOURCES = ["tooling", "sobjects", "query", "queryAll", "limits", "composite", "jobs"] as const;

/** What the org tells about itself: resources, objects, fields. Must come before the routes of records. */
export function installMetadata(app: App, org: Org): void {
  const resources = (c: Context) => {
    const at = (name: string) => `/services/data/v${versionOf(c)}/${name}`;
    return json(c, Object.fromEntries(RESOURCES.map((name) => [name, at(name)])));
  };
  app.get(DATA, resources);
  app.get(`${DATA}/`, resources);

  app.get(`${DATA}/sobjects`, (c) => {
    const sobjects = OBJECT_TYPES.map((type) => summaryOf(scopeOf(c, org), type));
    return json(c, { encoding: "UTF-8", maxBatchSize: 200, sobjects });
  });

  app.get(`${DATA}/sobjects/:type`, (c) =>
    json(c, { objectDescribe: summaryOf(scopeOf(c, org), typeOf(c, org)), recentItems: [] }),
  );

  app.get(`${DATA}/sobjects/:type/describe`, (c) => json(c, describeObject(scopeOf(c, org), typeOf(c, org))));
}

/** The object of a path as the caller sees it. @throws SalesforceError `NOT_FOUND` */
export function typeOf(c: Context, org: Org): ObjectType {
  const type = visibleType(scopeOf(c, org), c.req.param("type") ?? "");
  if (!type) throw notFound();
  return type;
}
