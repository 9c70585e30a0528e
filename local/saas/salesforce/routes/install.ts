import type { Control } from "../../front/control.ts";
import type { Org } from "../org.ts";
import { bulkControl, installBulkIngest, installBulkQuery } from "./bulk.ts";
import { type App, installGuards } from "./call.ts";
import { installCollections } from "./collections.ts";
import { installComposite } from "./composite.ts";
import { fieldAccessControl } from "./fls.ts";
import { installLimits } from "./limits.ts";
import { installMetadata } from "./metadata.ts";
import { installOAuth } from "./oauth.ts";
import { oauthControls } from "./oauth-controls.ts";
import { installQueries } from "./queries.ts";
import { installReplication } from "./replication.ts";
import { installRows } from "./rows.ts";

/** Installs OAuth and all of the REST API; those with fixed paths come before those with parameters. */
export function installRest(app: App, org: Org, baseUrl: string): void {
  installGuards(app, org);
  installOAuth(app, org, baseUrl);
  installMetadata(app, org);
  installLimits(app, org);
  installQueries(app, org);
  installBulkQuery(app, org);
  installBulkIngest(app, org);
  installCollections(app, org);
  installComposite(app, org);
  installReplication(app, org);
  installRows(app, org);
}

/** Controls of the REST side; `baseUrl` is where the org listens. */
export function restControls(current: () => Org, persist: () => Promise<void>, baseUrl: string): readonly Control[] {
  return [
    fieldAccessControl(current, persist),
    bulkControl(current, persist),
    ...oauthControls(current, persist, baseUrl),
  ];
}
