import { createSign } from "node:crypto";
import { Connection, OAuth2 } from "jsforce/lib/core.js";
import { setDefaults } from "jsforce/lib/request.js";
import { chunks } from "#shared/chunks.ts";
import { ContractError, NotAuthorizedError } from "#shared/errors.ts";
import { isSessionExpired, toFleetError } from "./client/errors.ts";
import type { Connect, SalesforceConnection } from "./org/connection.ts";

/** A record that Salesforce has in its recycle bin, or has back from it. */
export interface Deletion {
  readonly isDeleted: boolean;
  readonly systemModstamp: string;
}

/** What the fleet asks of Salesforce. Every method throws the fleet's errors only. */
export interface Salesforce {
  /** The connection in use: which organisation, and how it knows our own writes. */
  connection(): Promise<Pick<SalesforceConnection, "orgId" | "integrationClientName">>;
  /** Reads Accounts, one call for every 2,000; a record that is not there is missing from the answer. */
  readAccounts(ids: readonly string[], fields: readonly string[]): Promise<Map<string, unknown>>;
  /** Looks for records in the recycle bin too; a record hard-deleted or out of our sight is missing from the answer. */
  findDeleted(ids: readonly string[]): Promise<Map<string, Deletion>>;
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_retrieve.htm */
const MAX_READ = 2_000;
// Keeps the URL under Salesforce's 16,384 bytes and the answer within one page.
const MAX_IN_LIST = 200;
const TIMEOUT_MS = 10_000;
const JWT_SECONDS = 180;
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

// One layer retries: the queue. This also bounds the token request, which takes no options of its own.
setDefaults({ timeout: TIMEOUT_MS, retry: { maxRetries: 0 } });

/** Talks to the organisation that `connect` names. The session is opened at the first call and kept. */
export function createSalesforce(connect: Connect): Salesforce {
  let session: Promise<Connection> | undefined;

  function open(forceFetch: boolean): Promise<Connection> {
    const opening = connect({ forceFetch }).then(openSession);
    session = opening;
    opening.catch(() => {
      if (session === opening) session = undefined;
    });
    return opening;
  }

  /**
   * Calls with the kept session, and once more with a new one when it has expired or its credentials were rotated.
   * jsforce's own refresh is not used: it repeats without end when the new token is refused too, and sticks to a moved
   * instance URL.
   */
  async function call<T>(work: (api: Connection) => Promise<T>): Promise<T> {
    const kept = session ?? open(false);
    try {
      return await work(await kept);
    } catch (error) {
      if (!isSessionExpired(error) && !(error instanceof NotAuthorizedError)) throw toFleetError(error);
    }
    const renewed = session && session !== kept ? session : open(true);
    return renewed.then(work).catch(rethrow);
  }

  return {
    connection: () => connect({ forceFetch: false }),

    async readAccounts(ids, fields) {
      const found = new Map<string, unknown>();
      for (const some of chunks(ids, MAX_READ)) {
        const records = await call((api) => post(api, "/composite/sobjects/Account", { ids: some, fields }));
        for (const [id, record] of readRecords(records)) found.set(id, record);
      }
      return found;
    },

    async findDeleted(ids) {
      const deletions = new Map<string, Deletion>();
      for (const some of chunks(ids, MAX_IN_LIST)) {
        const list = some.map((id) => `'${id}'`);
        const soql = `SELECT Id, IsDeleted, SystemModstamp FROM Account WHERE Id IN (${list.join(",")})`;
        const answer = await call((api) => get(api, `/queryAll?q=${encodeURIComponent(soql)}`));
        for (const [id, deletion] of readDeletions(answer)) deletions.set(id, deletion);
      }
      return deletions;
    },
  };
}

function rethrow(error: unknown): never {
  throw toFleetError(error);
}

async function openSession(settings: SalesforceConnection): Promise<Connection> {
  const { loginUrl, clientId, apiVersion, integrationClientName } = settings;
  const clientSecret = "clientSecret" in settings ? (settings.clientSecret as string) : undefined;
  const oauth2 = new OAuth2({ loginUrl, clientId, ...(clientSecret ? { clientSecret } : {}) });
  const grant = clientSecret
    ? { grant_type: "client_credentials" }
    : { grant_type: JWT_BEARER, assertion: signJwt(settings) };
  const token = await oauth2.requestToken(grant).catch(rethrow);
  if (!token?.access_token || !token.instance_url) throw unexpected("a token with its instance_url");
  return new Connection({
    instanceUrl: token.instance_url,
    accessToken: token.access_token,
    version: apiVersion,
    callOptions: { client: integrationClientName },
  });
}

/** https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm */
function signJwt(settings: SalesforceConnection): string {
  const { clientId, username, loginUrl, privateKey } = settings as SalesforceConnection & {
    username: string;
    privateKey: string;
  };
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + JWT_SECONDS;
  const unsigned = `${part({ alg: "RS256" })}.${part({ iss: clientId, sub: username, aud: loginUrl, exp })}`;
  try {
    return `${unsigned}.${createSign("RSA-SHA256").update(unsigned).sign(privateKey, "base64url")}`;
  } catch {
    // The cause is left out: its text may quote the key.
    throw new NotAuthorizedError(
      "BAD_PRIVATE_KEY",
      "The connection's privateKey is no PEM private key of an RSA pair.",
    );
  }
}

function post(api: Connection, path: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  return api.request({ method: "POST", url: path, body: JSON.stringify(body), headers });
}

function get(api: Connection, path: string): Promise<unknown> {
  return api.request({ method: "GET", url: path });
}

/** Salesforce answers in the order of the ids, with `null` for a record that is not there. */
function readRecords(answer: unknown): [string, unknown][] {
  if (!Array.isArray(answer)) throw unexpected("a list of records");
  return answer
    .filter((record) => record !== null)
    .map((record) => {
      if (typeof record?.Id !== "string") throw unexpected("records with an Id");
      return [record.Id, record];
    });
}

function readDeletions(answer: unknown): [string, Deletion][] {
  const { records, done } = (answer ?? {}) as { records?: unknown; done?: unknown };
  if (!Array.isArray(records) || done !== true) throw unexpected("one page of query results");
  return records.map(({ Id, IsDeleted, SystemModstamp }) => {
    if (typeof Id !== "string" || typeof IsDeleted !== "boolean" || typeof SystemModstamp !== "string")
      throw unexpected("rows with Id, IsDeleted and SystemModstamp");
    return [Id, { isDeleted: IsDeleted, systemModstamp: SystemModstamp }];
  });
}

function unexpected(what: string): ContractError {
  return new ContractError("BAD_ANSWER", `Salesforce did not answer with ${what}; check the connection's loginUrl.`);
}
