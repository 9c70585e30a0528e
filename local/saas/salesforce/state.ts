import { generateKeyPairSync, randomBytes } from "node:crypto";
import { makeId } from "./ids.ts";
import type { Value } from "./values.ts";

/** A record: stored fields by API name. `Id`, `IsDeleted` and the audit fields are always there. */
export type StoredRecord = Record<string, Value>;

/** An application that may ask for tokens (External Client App). */
export interface ClientApp {
  readonly clientId: string;
  readonly clientSecret: string;
  /** User that the client credentials flow runs as; also approved for the JWT flow. */
  readonly runAs: string;
  /** PEM; absent means that the JWT flow is off. */
  readonly publicKey?: string;
}

interface Session {
  readonly userId: string;
  readonly clientId: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** One change event on the bus: `detail` is the JSON text that subscribers get. */
export interface BusEvent {
  readonly replayId: number;
  readonly detailType: string;
  readonly detail: string;
  /** Put on the bus by hand: of any shape, and spared by event faults. */
  readonly isRaw?: boolean;
  /** Partner source in place of the org's own. */
  readonly source?: string;
}

/** One transaction of the commit log. */
export interface Commit {
  readonly commitNumber: string;
  readonly transactionKey: string;
  /** Epoch milliseconds. */
  readonly commitTimestamp: number;
  readonly commitUser: string;
  readonly changeOrigin: string;
  readonly events: readonly BusEvent[];
}

/** A fault that waits for an event on its way to the relay. */
export interface EventFault {
  readonly kind: "duplicate" | "drop" | "reorder" | "gap" | "overflow";
  /** Object name, such as `Account`; absent matches all. */
  readonly entity?: string;
  /** First matching event that is hit, counted from 1. */
  nth: number;
  times: number;
}

/** The whole org as JSON: what is written to disk. */
export interface OrgState {
  orgId: string;
  channelId: string;
  /** PEM of the key that signs JWT assertions. */
  privateKey: string;
  clients: Record<string, ClientApp>;
  sessions: Record<string, Session>;
  /** Object name → id → record. */
  records: Record<string, Record<string, StoredRecord>>;
  /** Key prefix → last number used. */
  sequences: Record<string, number>;
  commitNumber: string;
  replayId: number;
  log: Commit[];
  relay: {
    state: "RUN" | "PAUSE" | "STOP";
    /** Replay id of the last event that the bus has taken. */
    position: number;
    faults: EventFault[];
    /** Event that a reorder fault holds back. */
    held: BusEvent | null;
    lastRelayedEventTime: string | null;
  };
  api: { used: number; max: number; windowStart: number };
}

/** Users of the org: our own integration, and a person. */
export const INTEGRATION_USER = "integration@connector-fleet.example";
export const HUMAN_USER = "ada.admin@connector-fleet.example";
/** What the fleet calls itself in `Sforce-Call-Options`. */
export const INTEGRATION_CLIENT_NAME = "connector-fleet";

/** A new org: two users, two applications, no customers. */
export function freshState(now: number = Date.now()): OrgState {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const integration = { ...newClient(INTEGRATION_USER), publicKey: keys.publicKey };
  const human = newClient(HUMAN_USER);
  const users = [newUser(1, INTEGRATION_USER, "Connector", "Fleet", now), newUser(2, HUMAN_USER, "Ada", "Admin", now)];
  return {
    orgId: makeId("00D", 1),
    channelId: makeId("0YL", 1),
    privateKey: keys.privateKey,
    clients: { [integration.clientId]: integration, [human.clientId]: human },
    sessions: {},
    records: { Account: {}, Contact: {}, User: Object.fromEntries(users.map((user) => [String(user.Id), user])) },
    sequences: { "005": users.length },
    commitNumber: "1745500706683617281",
    replayId: 37_904_280,
    log: [],
    relay: { state: "RUN", position: 37_904_280, faults: [], held: null, lastRelayedEventTime: null },
    api: { used: 0, max: 100_000, windowStart: now },
  };
}

function newClient(runAs: string): ClientApp {
  return {
    clientId: `3MVG9${randomBytes(30).toString("base64url")}`,
    clientSecret: randomBytes(32).toString("hex").toUpperCase(),
    runAs,
  };
}

function newUser(sequence: number, username: string, first: string, last: string, now: number): StoredRecord {
  const id = makeId("005", sequence);
  const created = new Date(Math.floor(now / 1000) * 1000).toISOString();
  return {
    Id: id,
    IsDeleted: false,
    Username: username,
    Name: `${first} ${last}`,
    FirstName: first,
    LastName: last,
    Email: username,
    IsActive: true,
    CreatedDate: created,
    CreatedById: id,
    LastModifiedDate: created,
    LastModifiedById: id,
    SystemModstamp: created,
  };
}
