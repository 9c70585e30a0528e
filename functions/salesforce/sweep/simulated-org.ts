import { type FleetError, InvalidInputError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import type { QueryPage, Salesforce } from "../client/types.ts";
import type { SalesforceConnection } from "../org/connection.ts";
import { toLongId } from "../org/ids.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Row {
  readonly id: string;
  readonly entity: string;
  readonly fields: Fields;
  /** Epoch milliseconds, in whole seconds as Salesforce counts. */
  readonly modstamp: number;
  readonly place: "alive" | "bin" | "gone" | "hidden";
}

const PREFIXES: Record<string, string> = { Account: "001", Contact: "003" };
const LOG_MS = 30 * 24 * 3600 * 1000;
let sequence = 0;

/**
 * An organisation in memory for tests of the sweep: records with moments in whole seconds, a recycle bin, a delete log,
 * and the few queries that a sweep makes, in pages of any size. It has its own id, so that tests can share tables.
 */
export class SimulatedOrg {
  readonly id: string;
  /** Epoch milliseconds; moves only when told to. */
  time = Date.parse("2026-11-22T10:00:00.000Z");
  pageSize = 2_000;
  /** Before it the delete log is refused, as by an organisation that was not there yet. */
  createdAt = 0;
  /** Every API call made, the last one last. */
  readonly calls: string[] = [];
  /** Fails a call before it is answered; undefined lets it through. */
  fail: (call: string, number: number) => FleetError | undefined = () => undefined;
  readonly #rows = new Map<string, Row>();

  constructor() {
    sequence += 1;
    this.id = toLongId(`00D${String(sequence).padStart(12, "0")}`);
  }

  create(entity: "Account" | "Contact", fields: Fields = {}): string {
    sequence += 1;
    const id = toLongId(`${PREFIXES[entity]}${String(sequence).padStart(12, "0")}`);
    const defaults = entity === "Account" ? { Name: "Acme" } : { AccountId: null, Is_Billing_Contact__c: true };
    this.#rows.set(id, { id, entity, fields: { ...defaults, ...fields }, modstamp: this.#second(), place: "alive" });
    return id;
  }

  /** Without fields it only moves the record's moment, as our own write-back does. */
  update(id: string, fields: Fields = {}): void {
    const row = this.#row(id);
    this.#put(id, { fields: { ...row.fields, ...fields }, modstamp: this.#second() });
  }

  /** Sets fields without moving the record's moment. */
  tell(id: string, fields: Fields): void {
    this.#put(id, { fields: { ...this.#row(id).fields, ...fields } });
  }

  remove(id: string): void {
    this.#put(id, { place: "bin", modstamp: this.#second() });
  }

  restore(id: string): void {
    this.#put(id, { place: "alive", modstamp: this.#second() });
  }

  /** Out of the recycle bin with the moment of its deletion, or straight away. */
  removeForGood(id: string): void {
    const { place, modstamp } = this.#row(id);
    this.#put(id, { place: "gone", modstamp: place === "bin" ? modstamp : this.#second() });
  }

  /** Takes away the user's access. */
  hide(id: string): void {
    this.#put(id, { place: "hidden" });
  }

  placeOf(id: string): Row["place"] {
    return this.#row(id).place;
  }

  idsOf(entity: string, place: Row["place"]): string[] {
    return this.#all(entity, place).map(({ id }) => id);
  }

  modstampOf(id: string): number {
    return this.#row(id).modstamp;
  }

  readonly salesforce: Pick<Salesforce, "connection" | "readRecords" | "findDeleted" | "deletedBetween" | "query"> = {
    connection: async () => ({ orgId: this.id, mapping: "default" }) as SalesforceConnection,

    readRecords: async (entity, ids) => {
      if (ids.length > 0) this.#call(`readRecords ${entity} ${ids.length}`);
      const found = this.#all(entity, "alive").filter(({ id }) => ids.includes(id));
      return new Map(found.map((row) => [row.id, recordOf(row)]));
    },

    findDeleted: async (entity, ids) => {
      this.#call(`findDeleted ${entity} ${ids.length}`);
      const found = [...this.#all(entity, "alive"), ...this.#all(entity, "bin")].filter(({ id }) => ids.includes(id));
      return new Map(
        found.map(({ id, place, modstamp }) => [id, { isDeleted: place === "bin", systemModstamp: rest(modstamp) }]),
      );
    },

    deletedBetween: async (entity, from, to) => {
      this.#call(`deletedBetween ${entity}`);
      const [start, end] = [Date.parse(from), Date.parse(to)];
      if (start < Math.max(this.createdAt, this.time - LOG_MS) || end - start <= 60_000)
        throw new RejectedByTargetError("INVALID_REPLICATION_DATE", `from ${from} to ${to}`);
      return [...this.#all(entity, "bin"), ...this.#all(entity, "gone")]
        .filter(({ modstamp }) => modstamp >= start && modstamp <= end)
        .map(({ id, modstamp }) => ({ id, deletedDate: new Date(modstamp).toISOString() }));
    },

    query: async <T>(soql: string, { deleted = false } = {}) => {
      const entity = /FROM (\w+)/.exec(soql)?.[1] ?? "";
      this.#call(`query ${entity}`);
      const rows = [...this.#all(entity, "alive"), ...(deleted ? this.#all(entity, "bin") : [])];
      const found = rows.filter(soql.includes("SystemModstamp") ? inSpan(soql) : ofParents(soql));
      const limit = Number(/LIMIT (\d+)/.exec(soql)?.[1] ?? Number.POSITIVE_INFINITY);
      found.sort((a, b) => (soql.includes("ORDER BY SystemModstamp, Id") ? a.modstamp - b.modstamp : 0) || byId(a, b));
      const records = found.slice(0, Math.min(limit, this.pageSize)).map(recordOf);
      return {
        records,
        totalSize: found.length,
        done: records.length === Math.min(limit, found.length),
      } as unknown as QueryPage<T>;
    },
  };

  #call(call: string): void {
    this.calls.push(call);
    const error = this.fail(call, this.calls.length);
    if (error) throw error;
  }

  #second(): number {
    return Math.floor(this.time / 1000) * 1000;
  }

  #row(id: string): Row {
    const row = this.#rows.get(id);
    if (!row) throw new TransientError("TEST", `no record ${id}`);
    return row;
  }

  #put(id: string, members: Partial<Row>): void {
    this.#rows.set(id, { ...this.#row(id), ...members });
  }

  #all(entity: string, place: Row["place"]): Row[] {
    return [...this.#rows.values()].filter((row) => row.entity === entity && row.place === place);
  }
}

function byId(a: Row, b: Row): number {
  return a.id < b.id ? -1 : 1;
}

/** Date-times in REST have no colon in their offset. */
function rest(moment: number): string {
  return new Date(moment).toISOString().replace("Z", "+0000");
}

function recordOf({ id, entity, fields, modstamp, place }: Row): Record<string, unknown> {
  return {
    attributes: { type: entity },
    Id: id,
    IsDeleted: place === "bin",
    SystemModstamp: rest(modstamp),
    ...fields,
  };
}

/** The two conditions by which a sweep lists what moved. */
function inSpan(soql: string): (row: Row) => boolean {
  const first = /WHERE SystemModstamp >= (\S+) AND SystemModstamp <= (\S+) ORDER/.exec(soql);
  if (first) {
    const [from, to] = first.slice(1).map((moment) => Date.parse(moment)) as [number, number];
    return ({ modstamp }) => modstamp >= from && modstamp <= to;
  }
  const pattern =
    /WHERE SystemModstamp <= (\S+) AND \(SystemModstamp > (\S+) OR \(SystemModstamp = (\S+) AND Id > '(\w+)'\)\) ORDER/;
  const [to, after, same, id = ""] = pattern.exec(soql)?.slice(1) ?? [];
  const [end, moment] = [Date.parse(to ?? ""), Date.parse(after ?? "")];
  if (after !== same || Number.isNaN(end + moment)) throw new InvalidInputError("MALFORMED_QUERY", soql);
  return (row) => row.modstamp <= end && (row.modstamp > moment || (row.modstamp === moment && row.id > id));
}

/** The condition by which the billing contacts of accounts are read. */
function ofParents(soql: string): (row: Row) => boolean {
  const [, list] = /WHERE Is_Billing_Contact__c = true AND AccountId IN \(([^)]*)\)/.exec(soql) ?? [];
  if (!list) throw new InvalidInputError("MALFORMED_QUERY", soql);
  const after = /Id > '(\w+)'/.exec(soql)?.[1] ?? "";
  return ({ id, fields }) =>
    id > after && fields.Is_Billing_Contact__c === true && list.includes(`'${String(fields.AccountId)}'`);
}
