import type { Behind } from "#shared/behind/behind.ts";
import type { CustomerStore, StoredVersion } from "#shared/customer-store.ts";
import { log } from "#shared/observability.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { OwnersContext } from "../changes/owners.ts";
import type { Salesforce } from "../client/types.ts";
import { type Deleted, logBeginning, readDeleteLog } from "./deletions.ts";
import type { Findings } from "./findings.ts";
import type { Position } from "./progress.ts";
import { LATE_COMMIT_MS } from "./versions.ts";

/** What a sweep compares. */
export interface SweepScope {
  readonly orgId: string;
  readonly entity: string;
  /** Fields of the object that hold an account's id; none for the account itself. */
  readonly parents: readonly string[];
  /** Objects that a customer is made of beside the account. */
  readonly related: readonly string[];
  readonly full: boolean;
  /** ISO 8601 in UTC. */
  readonly window: { readonly from: string; readonly to: string };
  /** The accounts to compare, when a request names them. */
  readonly ids?: readonly string[];
}

export interface CompareDependencies {
  readonly salesforce: Salesforce;
  readonly store: Pick<CustomerStore, "readMany" | "listVersions">;
  readonly state: Pick<StateTable, "readMany" | "replace">;
  readonly behind: Pick<Behind, "list" | "retryNow">;
  /** Asks for a comparison of all customers; absent while one is under way. */
  readonly onLost?: OwnersContext["onLost"];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** One page of a phase: what it found, and after which record the next one begins. */
export interface Page {
  readonly findings: Findings;
  readonly next: Position | undefined;
}

/** Works the page of a phase that follows a position. */
export type WorkPage = (scope: SweepScope, after: Position | undefined, deps: CompareDependencies) => Promise<Page>;

/** As many as one collection call reads. */
const PAGE = 2_000;

/** The window, longer by how late a transaction may commit. */
export function spanOf({ window }: SweepScope): { from: string; to: string } {
  const from = Math.max(0, Date.parse(window.from) - LATE_COMMIT_MS);
  return { from: new Date(from).toISOString(), to: window.to };
}

/** A page of what the delete log says of the window; undefined when it does not tell of all of it. */
export async function listDeleted(
  scope: SweepScope,
  after: Position | undefined,
  { salesforce, now }: CompareDependencies,
): Promise<{ entries: readonly Deleted[]; next: Position | undefined } | undefined> {
  const span = spanOf(scope);
  const [from, to] = [Date.parse(span.from), Date.parse(span.to)];
  if (!after && from < logBeginning(now()))
    log().warn("The delete log does not reach back to the beginning of the window; a full sweep finds what it lacks", {
      entity: scope.entity,
      from: span.from,
    });
  const told = await readDeleteLog(salesforce, scope.entity, { from, to, now: now() });
  if (!told.complete) {
    log().warn("Salesforce does not tell what was deleted in the window; everything is compared", {
      entity: scope.entity,
    });
    return undefined;
  }
  const rest = after ? told.entries.filter((entry) => comesAfter(entry, after)) : told.entries;
  const entries = rest.slice(0, PAGE);
  const last = rest.length > PAGE ? entries.at(-1) : undefined;
  return { entries, next: last && { id: last.id, at: new Date(last.deletedAt).toISOString() } };
}

function comesAfter(entry: Deleted, { id, at = "" }: Position): boolean {
  const moment = Date.parse(at);
  return entry.deletedAt > moment || (entry.deletedAt === moment && entry.id > id);
}

/** The organisation's customers that the store has not as deleted, about as many as one call reads. */
export async function listAlive(
  { orgId }: SweepScope,
  after: Position | undefined,
  { store }: CompareDependencies,
): Promise<{ customerIds: readonly string[]; next: Position | undefined }> {
  const versions: StoredVersion[] = [];
  let key = after?.id;
  do {
    const page = await store.listVersions(key);
    versions.push(...page.versions);
    key = page.next;
  } while (key && versions.length < PAGE);
  const alive = versions.filter((version) => version.orgId === orgId && !version.deleted);
  return { customerIds: alive.map(({ customerId }) => customerId), next: key ? { id: key } : undefined };
}
