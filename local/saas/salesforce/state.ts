import { generateKeyPairSync, randomBytes } from "node:crypto";
import { makeId, podOf } from "./ids.ts";
import { freshRestState, type RestState } from "./rest-state.ts";
import type { LogEntry } from "./store/event-log.ts";
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

/** A fault that waits for events on their way over the relay. */
export interface EventFault {
  readonly kind: "duplicate" | "drop" | "reorder" | "gap" | "overflow";
  /** Object name, such as `Account`; absent matches all. */
  readonly entity?: string;
  /** First matching event that is hit, counted from 1. */
  nth: number;
  /** How many more are hit; null for all. */
  times: number | null;
  /** Chance of each event; absent hits every one. */
  readonly probability?: number;
  /** The same seed hits the same replay ids. */
  readonly seed: number;
}

/** In the same transaction as an update of an account, another field is set: what an Apex trigger or a flow does. */
export interface Trigger {
  /** Only updates through this client (`client=` of the call options); absent means all. */
  readonly client?: string;
  /** The account itself, or its contacts. */
  readonly on: "Account" | "Contact";
  readonly field: string;
  readonly value: Value;
}

/** What is small of an org; its records and its event log are in the store. */
export interface OrgState {
  /** Tells this form of the state from older ones. */
  readonly format: 2;
  orgNumber: number;
  orgId: string;
  channelId: string;
  /** PEM of the key that signs JWT assertions. */
  privateKey: string;
  clients: Record<string, ClientApp>;
  sessions: Record<string, Session>;
  /** How far the org's clock is ahead of the real one, in milliseconds. */
  clockOffsetMs: number;
  /** Since when the org can say what changed, epoch milliseconds; absent means for longer than it looks back. */
  createdAt?: number;
  capture: { entities: string[]; overflowThreshold: number };
  triggers: Trigger[];
  relay: {
    state: "RUN" | "PAUSE" | "STOP";
    /** Replay id of the last event that the bus has taken. */
    position: number;
    faults: EventFault[];
    /** Event that a reorder fault holds back. */
    held: LogEntry | null;
    lastRelayedEventTime: string | null;
  };
  api: { used: number; max: number; windowStart: number };
  /** Events handed to subscribers: the relay, Pub/Sub API and CometD share one allocation a day. */
  deliveries: { used: number; max: number; windowStart: number };
  /** Field-level security, refresh tokens and bulk jobs. */
  rest: RestState;
}

/** Users of the org: our own integration, and two people. */
export const INTEGRATION_USER = "integration@connector-fleet.example";
export const HUMAN_USER = "ada.admin@connector-fleet.example";
export const OTHER_USER = "grace.agent@connector-fleet.example";
/** What the fleet calls itself in `Sforce-Call-Options`. */
export const INTEGRATION_CLIENT_NAME = "connector-fleet";

/** Real editions allow 10,000 to 50,000 a day; here load tests must not be cut unless they ask for it. */
const DELIVERIES_A_DAY = 1_000_000;

/** A new org: its applications and settings. `orgNumber` tells several emulated orgs apart. */
export function freshState(now: number = Date.now(), orgNumber = 1): OrgState {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const clients = [
    { ...newClient(INTEGRATION_USER), publicKey: keys.publicKey },
    newClient(HUMAN_USER),
    newClient(OTHER_USER),
  ];
  const pod = podOf(orgNumber);
  return {
    format: 2,
    orgNumber,
    orgId: makeId("00D", orgNumber, pod),
    channelId: makeId("0YL", orgNumber, pod),
    privateKey: keys.privateKey,
    clients: Object.fromEntries(clients.map((client) => [client.clientId, client])),
    sessions: {},
    clockOffsetMs: 0,
    capture: { entities: ["Account", "Contact", "Lead", "Opportunity"], overflowThreshold: 100_000 },
    triggers: [],
    relay: { state: "RUN", position: 0, faults: [], held: null, lastRelayedEventTime: null },
    api: { used: 0, max: 100_000, windowStart: now },
    deliveries: { used: 0, max: DELIVERIES_A_DAY, windowStart: now },
    rest: freshRestState(now),
  };
}

/** The org's users, in the order of their ids. */
export function newUsers(now: number, orgNumber: number): StoredRecord[] {
  const people = [
    [INTEGRATION_USER, "Connector", "Fleet"],
    [HUMAN_USER, "Ada", "Admin"],
    [OTHER_USER, "Grace", "Agent"],
  ] as const;
  return people.map(([username, first, last], index) => {
    const id = makeId("005", index + 1, podOf(orgNumber));
    return newUser(id, username, first, last, now);
  });
}

function newClient(runAs: string): ClientApp {
  return {
    clientId: `3MVG9${randomBytes(30).toString("base64url")}`,
    clientSecret: randomBytes(32).toString("hex").toUpperCase(),
    runAs,
  };
}

function newUser(id: string, username: string, first: string, last: string, now: number): StoredRecord {
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
