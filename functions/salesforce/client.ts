import type { Gate } from "#shared/targets/gate.ts";
import { createBulk } from "./client/bulk.ts";
import { type Answer, createSend, type Request, type Send } from "./client/http.ts";
import { readIdentity, readVersions } from "./client/identity.ts";
import { runQuery } from "./client/queries.ts";
import { deletedBetween, describe, findDeleted, readRecords, updateRecords } from "./client/records.ts";
import { createSessions, type OpenSession } from "./client/session.ts";
import type { ApiUsage, InspectableSalesforce, Priority } from "./client/types.ts";
import { createGuard, createUsageMeter } from "./client/usage.ts";
import type { Connect } from "./org/connection.ts";

export interface SalesforceOptions {
  /** What all functions share about the organisation; `ungated` for what a person does. */
  readonly gate: Gate;
  /** By what name the gate knows the organisation. */
  readonly orgId: string;
  /** Who calls; default `live`. */
  readonly priority?: Priority;
  /** Told of the API usage that every answer carries. */
  readonly onUsage?: (usage: ApiUsage) => void;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Time for one call with its answer, instead of what fits each call. */
  readonly timeoutMs?: number;
}

/**
 * Talks to the organisation that `connect` names. The session is opened at the first call and kept. Every call passes the
 * gate, and every login.
 */
export function createSalesforce(connect: Connect, options: SalesforceOptions): InspectableSalesforce {
  const { gate, orgId, priority = "live", onUsage = () => undefined, now = Date.now, timeoutMs } = options;
  const sessions = createSessions(connect, { enter: (work) => gate.call(orgId, work), now, timeoutMs });
  const meter = createUsageMeter(now, onUsage);

  const sendIn = (session: OpenSession, request: Request): Promise<Answer> =>
    createSend(session, session.settings, { timeoutMs, now, onHeaders: meter.observe })(request);
  const sendUnguarded: Send = (request) => sessions.use((session) => sendIn(session, request));
  const readUsage = async () => meter.accept((await sendUnguarded({ method: "GET", path: "/limits" })).body);
  const guard = priority === "background" ? createGuard(meter, readUsage, connect, now) : undefined;
  const send: Send = async (request) => {
    await guard?.();
    return sendUnguarded(request);
  };

  return {
    connection: () => connect({ forceFetch: false }),
    readRecords: (entity, ids, fields) => readRecords(send, entity, ids, fields),
    findDeleted: (entity, ids) => findDeleted(send, entity, ids),
    deletedBetween: (entity, from, to) => deletedBetween(send, entity, from, to),
    query: (soql, choice) => runQuery(send, soql, choice),
    updateRecords: (entity, records) => updateRecords(send, entity, records),
    describe: (entity) => describe(send, entity),
    readUsage,
    async session({ renew = false } = {}) {
      const { accessToken, instanceUrl } = await sessions.current(renew);
      return { accessToken, instanceUrl };
    },
    bulk: createBulk(send),
    async identity() {
      const { identityUrl } = await sessions.current(false);
      return readIdentity(sendUnguarded, identityUrl);
    },
    versions: () => readVersions(sendUnguarded),
  };
}
