import type { ApiUsage, DescribedField, InspectableSalesforce } from "../../functions/salesforce/client/types.ts";
import { isBelowReserve } from "../../functions/salesforce/client/usage.ts";
import { ACCOUNT, chooseMapping, sourcesOf } from "../../functions/salesforce/mapping/mapping.ts";
import type { SalesforceConnection } from "../../functions/salesforce/org/connection.ts";
import { WRITTEN_FIELDS } from "../../functions/salesforce/write-back/fields.ts";

/** What was looked at, and what was found. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the checks of one organisation look at. */
export interface Subject {
  readonly salesforce: InspectableSalesforce;
  readonly connection: SalesforceConnection;
}

/** Looks at one thing; what it throws is a finding too. */
export interface Examination {
  readonly name: string;
  /** Said when it throws. */
  readonly advice: string;
  run(subject: Subject): Promise<readonly Check[]>;
}

const MAPPING_FILE = "functions/salesforce/mapping/fields.ts";
const GRANT = "create it, or give the integration user access to it by a permission set";

/** What all others need; in this order. */
export const ESSENTIAL: readonly Examination[] = [
  {
    name: "login",
    advice: "check loginUrl and the credentials in the secret, and that the External Client App lets its user log in",
    async run({ salesforce, connection }) {
      const { instanceUrl } = await salesforce.session();
      const how = "clientSecret" in connection ? "client credentials" : "a signed JWT";
      return [{ name: "login", ok: true, detail: `with ${how} at ${instanceUrl}` }];
    },
  },
  {
    name: "API version",
    advice: "check loginUrl in the secret",
    async run({ salesforce, connection: { apiVersion } }) {
      const versions = [...(await salesforce.versions())].sort((a, b) => Number(a) - Number(b));
      const range = `${versions.at(0)} to ${versions.at(-1)}`;
      if (versions.includes(apiVersion))
        return [{ name: "API version", ok: true, detail: `${apiVersion} of ${range}` }];
      return [failed("API version", `${apiVersion} is not served, ${range} are`, "correct apiVersion in the secret")];
    },
  },
  {
    name: "user",
    advice: "give the integration user the permission API Enabled",
    async run({ salesforce, connection }) {
      const { orgId, userId, username } = await salesforce.identity();
      const detail = `${username} (${userId})`;
      if (orgId === connection.orgId) return [{ name: "user", ok: true, detail }];
      return [failed("user", `${detail} is of organisation ${orgId}`, "correct loginUrl or orgId in the secret")];
    },
  },
];

/** Independent of each other. */
export const FURTHER: readonly Examination[] = [
  {
    name: "mapping",
    advice: `see ${MAPPING_FILE}`,
    async run({ salesforce, connection }) {
      const sources = sourcesOf(chooseMapping(connection.mapping));
      const checks = [...sources].map(([entity, wanted]) => examineFields(salesforce, entity, "read", wanted));
      return (await Promise.all(checks)).flat();
    },
  },
  {
    name: "write-back",
    advice: "see functions/salesforce/write-back/fields.ts",
    run({ salesforce }) {
      const wanted = WRITTEN_FIELDS.map(({ name, type }) => ({ name, types: [type] }));
      return examineFields(salesforce, ACCOUNT, "written", wanted);
    },
  },
  {
    name: "API calls",
    advice: "give the integration user the permission View Setup and Configuration",
    async run({ salesforce, connection: { apiReserve } }) {
      return [examineUsage(await salesforce.readUsage(), apiReserve)];
    },
  },
];

/** A field that the fleet needs; an optional one is used only where it is. */
interface Wanted {
  readonly name: string;
  readonly types: readonly string[];
  readonly optional?: true;
}

/** One line when all is well with an object's fields, else one for each field that is not. */
async function examineFields(
  salesforce: InspectableSalesforce,
  entity: string,
  use: "read" | "written",
  wanted: readonly Wanted[],
): Promise<readonly Check[]> {
  const described = await salesforce.describe(entity);
  const problems = wanted.flatMap((field) => examineField(described, entity, use, field) ?? []);
  if (problems.length > 0) return problems;
  const names = wanted.map(({ name }) => name).join(", ");
  return [{ name: entity, ok: true, detail: `${wanted.length} fields can be ${use}: ${names}` }];
}

function examineField(
  described: readonly DescribedField[],
  entity: string,
  use: "read" | "written",
  { name, types, optional }: Wanted,
): Check | undefined {
  const title = `${entity}.${name}`;
  const found = described.find((field) => field.name === name);
  if (!found) {
    if (optional) return undefined;
    const alike = described.find((field) => field.name.toLowerCase() === name.toLowerCase());
    if (alike) return failed(title, `is called ${alike.name}`, `write it so in ${MAPPING_FILE}`);
    const or = use === "read" ? `, or take it out of ${MAPPING_FILE}` : "";
    return failed(title, "is not there, or hidden from the integration user", `${GRANT}${or}`);
  }
  if (!types.includes(found.type)) {
    const advice = use === "read" ? `choose another type in ${MAPPING_FILE}` : "create it with the type that fits";
    return failed(title, `is of type ${found.type}; it is ${use} as ${types.join(" or ")}`, advice);
  }
  if (use === "written" && !found.updateable)
    return failed(
      title,
      "is read-only for the integration user",
      "let the integration user edit it by a permission set",
    );
  return undefined;
}

function examineUsage(usage: ApiUsage, reserve: number): Check {
  const line = Math.floor(usage.max * (1 - reserve));
  const detail = `${number(usage.used)} of ${number(usage.max)} used today; background work stops at ${number(line)}`;
  if (!isBelowReserve(usage, reserve)) return { name: "API calls", ok: true, detail };
  return failed("API calls", detail, "wait, lower apiReserve in the secret, or buy more calls");
}

export function failed(name: string, detail: string, advice: string): Check {
  return { name, ok: false, detail, advice };
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
