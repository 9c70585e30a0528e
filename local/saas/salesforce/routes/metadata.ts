import { malformedQuery } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import { OBJECT_TYPES, requireType } from "../schema.ts";
import { Cursors } from "../soql/cursors.ts";
import { runQuery } from "../soql/run.ts";
import { type App, type Context, json, versionOf } from "./call.ts";

const DATA = "/services/data/:version";

/** Queries with their pages. */
export function installQueries(app: App, org: Org): void {
  const cursors = new Cursors();
  const run = (c: Context, includeDeleted: boolean) => {
    const soql = c.req.query("q");
    if (!soql) throw malformedQuery("unexpected token: '<EOF>'");
    const version = versionOf(c);
    const result = runQuery(org, soql, { includeDeleted, version });
    return json(c, cursors.first(result, c.req.header("sforce-query-options"), version));
  };
  app.get(`${DATA}/query`, (c) => run(c, false));
  app.get(`${DATA}/query/`, (c) => run(c, false));
  app.get(`${DATA}/queryAll`, (c) => run(c, true));
  app.get(`${DATA}/queryAll/`, (c) => run(c, true));
  const more = (c: Context) =>
    json(c, cursors.next(c.req.param("locator") ?? "", c.req.header("sforce-query-options"), versionOf(c)));
  app.get(`${DATA}/query/:locator`, more);
  app.get(`${DATA}/queryAll/:locator`, more);
}

/** What the org tells about itself: resources, objects, fields, limits. Must come before the routes of records. */
export function installMetadata(app: App, org: Org): void {
  app.get(DATA, (c) => {
    const at = (name: string) => `/services/data/v${versionOf(c)}/${name}`;
    return json(
      c,
      Object.fromEntries(["sobjects", "query", "queryAll", "limits", "composite"].map((name) => [name, at(name)])),
    );
  });

  app.get(`${DATA}/sobjects`, (c) =>
    json(c, {
      encoding: "UTF-8",
      maxBatchSize: 200,
      sobjects: OBJECT_TYPES.map((type) => summaryOf(c, type)),
    }),
  );

  app.get(`${DATA}/sobjects/:type`, (c) =>
    json(c, { objectDescribe: summaryOf(c, requireType(c.req.param("type") ?? "")), recentItems: [] }),
  );

  app.get(`${DATA}/sobjects/:type/describe`, (c) => {
    const type = requireType(c.req.param("type") ?? "");
    return json(c, {
      ...summaryOf(c, type),
      fields: [...type.fields.values()].map(describeField),
      childRelationships: [],
    });
  });

  app.get(`${DATA}/limits`, (c) => {
    const { used, max } = org.state.api;
    const delivered = org.state.log.reduce((sum, commit) => sum + commit.events.length, 0);
    return json(c, {
      DailyApiRequests: { Max: max, Remaining: Math.max(0, max - used) },
      DailyDeliveredPlatformEvents: { Max: 25_000, Remaining: Math.max(0, 25_000 - delivered) },
      HourlyPublishedPlatformEvents: { Max: 50_000, Remaining: 50_000 },
    });
  });
}

function summaryOf(c: Context, type: ObjectType): Record<string, unknown> {
  const url = `/services/data/v${versionOf(c)}/sobjects/${type.name}`;
  return {
    name: type.name,
    label: type.label,
    labelPlural: type.labelPlural,
    keyPrefix: type.keyPrefix,
    custom: false,
    createable: type.writable,
    updateable: type.writable,
    deletable: type.writable,
    undeletable: type.writable,
    queryable: true,
    retrieveable: true,
    urls: { sobject: url, describe: `${url}/describe`, rowTemplate: `${url}/{ID}` },
  };
}

function describeField(field: Field): Record<string, unknown> {
  return {
    name: field.name,
    label: field.label,
    type: field.type,
    length: field.length ?? 0,
    createable: field.createable,
    updateable: field.updateable,
    nillable: !field.required && field.type !== "boolean" && field.name !== "Id",
    custom: field.name.endsWith("__c"),
    externalId: field.externalId ?? false,
    idLookup: field.name === "Id" || (field.externalId ?? false),
    unique: field.unique ?? false,
    compoundFieldName: field.compound?.name ?? null,
    referenceTo: field.referenceTo ? [field.referenceTo] : [],
    relationshipName: field.relationshipName ?? null,
    restrictedPicklist: field.restricted ?? false,
    picklistValues: (field.values ?? []).map((value) => ({ value, label: value, active: true, defaultValue: false })),
    filterable: field.type !== "address" && !(field.type === "textarea" && (field.length ?? 0) > 255),
    sortable: field.type !== "address",
  };
}
