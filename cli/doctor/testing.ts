import {
  type Api,
  connectionOf,
  limitInfo,
  startOrg,
  type TestOrg,
} from "../../functions/salesforce/client/testing.ts";
import { mappings } from "../../functions/salesforce/mapping/fields.ts";
import { ACCOUNT, chooseMapping, sourcesOf } from "../../functions/salesforce/mapping/mapping.ts";
import { ORG, USER } from "../../functions/salesforce/testing.ts";
import { WRITTEN_FIELDS } from "../../functions/salesforce/write-back/fields.ts";
import { type Answer, serve } from "../../shared/testing/server.ts";

/** What an organisation can have that is not as it should be. */
export interface Oddities {
  /** Members of described fields by `Entity.Field`; null hides the field. */
  readonly fields?: Readonly<Record<string, object | null>>;
  readonly used?: number;
  readonly versions?: readonly string[];
  readonly identity?: string;
  /** Answers before all others, where it wants to. */
  readonly api?: (path: string) => Answer | undefined;
  readonly token?: () => Answer;
}

/** A tiny organisation that has everything the fleet needs, but for its oddities. */
export async function startHealthyOrg(oddities: Oddities = {}): Promise<TestOrg> {
  const { used = 18, versions = ["66.0", "67.0", "9.0"], identity = `${ORG}/${USER}` } = oddities;
  const answer = (path: string): unknown => {
    if (path === "/services/data") return versions.map((version) => ({ version }));
    if (path.endsWith("/query")) return { totalSize: 1, done: true, records: [{ Username: "robot@acme.example" }] };
    if (path.endsWith("/limits")) return { DailyApiRequests: { Max: 1_000, Remaining: 1_000 - used } };
    const [, entity = ""] = /sobjects\/(\w+)\/describe$/.exec(path) ?? [];
    return { name: entity, fields: fieldsOf(entity, oddities.fields ?? {}) };
  };
  const api: Api = ({ url }) => {
    const path = new URL(url, "http://org").pathname;
    return oddities.api?.(path) ?? { headers: limitInfo(used, 1_000), body: answer(path) };
  };
  const token = () =>
    oddities.token?.() ?? {
      body: { access_token: "t", instance_url: org.url, id: `${org.url}/id/${identity}` },
    };
  const org: TestOrg = await startOrg(api, token);
  return org;
}

/** A tiny Stripe and Slack at one address, and the texts of the secrets that connect to them. */
export async function startTargets() {
  const server = await serve(({ url }) => {
    if (url.startsWith("/v1/")) return { body: { object: "list", data: [], has_more: false } };
    return { body: { ok: true, team_id: "T1", channel: { is_member: true } } };
  });
  const secrets = {
    stripe: JSON.stringify({ apiKey: "rk_test_1", baseUrl: server.url }),
    slack: JSON.stringify({ token: "xoxb-1", channel: "C1", apiUrl: `${server.url}/api/` }),
  };
  return { ...server, secrets };
}

/** The text of the secret that connects to an organisation. */
export function secretOf(url: string, members: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...connectionOf(url), ...members });
}

function fieldsOf(entity: string, odd: NonNullable<Oddities["fields"]>): object[] {
  const read = Object.keys(mappings).flatMap((name) => sourcesOf(chooseMapping(name)).get(entity) ?? []);
  const all = [
    ...read.map(({ name, types: [type] }) => ({ name, type, updateable: false })),
    ...(entity === ACCOUNT ? WRITTEN_FIELDS.map((field) => ({ ...field, updateable: true })) : []),
  ];
  return all.flatMap((field) => {
    const change = odd[`${entity}.${field.name}`];
    return change === null ? [] : [{ ...field, ...change }];
  });
}
