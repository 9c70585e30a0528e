import { type ReadSecret, readConnection } from "../../shared/connections.ts";
import { ungated } from "../../shared/targets/gate.ts";
import type { System } from "./names.ts";

/** What a connection holds, by the members of its secret. */
export type Members = Readonly<Record<string, unknown>>;

/** A member that can be given by a flag. */
export interface Member {
  readonly name: string;
  readonly flag: string;
  /** Asked of a person who has not given it; without it the member may be left out. */
  readonly question?: string;
  /** Never shown while it is typed. */
  readonly isSecret?: true;
  /** The flag names a file that holds it. */
  readonly isFile?: true;
  /** Not needed where this member is given. */
  readonly unless?: string;
  readonly fallback?: string;
}

/** What a test of a connection has found. */
export interface Finding {
  /** Of Salesforce: the organisation that the login leads to, 18 characters. */
  readonly orgId?: string;
  /** One sentence, without data. */
  readonly text: string;
}

/** A system that the fleet connects to. */
interface Definition {
  readonly members: readonly Member[];
  /**
   * Tries the connection with the fleet's own client, and changes nothing. It goes by no breaker: one that is open for a
   * refused key must not keep a person from trying a good one, nor a mistyped one open it for the fleet.
   * @param name of its secret, for error messages
   * @param orgId Salesforce organisation that it must lead to, 18 characters; absent: the one that it names, or any
   * @throws one of the fleet's errors, whose message holds no value of the connection
   */
  test(name: string, connection: Members, orgId?: string): Promise<Finding>;
}

/** Stands for the organisation until the login has told it. */
const ANY_ORG = "00D000000000000EAA";

const salesforce: Definition = {
  members: [
    { name: "loginUrl", flag: "login-url", question: "My Domain URL, such as https://acme.my.salesforce.com" },
    { name: "clientId", flag: "client-id", question: "Consumer key of the External Client App" },
    { name: "clientSecret", flag: "client-secret", question: "Consumer secret", isSecret: true, unless: "privateKey" },
    { name: "username", flag: "username" },
    { name: "privateKey", flag: "private-key-file", isSecret: true, isFile: true },
    { name: "apiVersion", flag: "api-version", fallback: "66.0" },
    { name: "integrationClientName", flag: "client-name", fallback: "connector-fleet" },
  ],
  async test(name, connection, orgId) {
    const { createSalesforce } = await import("../../functions/salesforce/client.ts");
    const { connectTo } = await import("../../functions/salesforce/org/connect.ts");
    const { salesforceConnectionSchema } = await import("../../functions/salesforce/org/connection.ts");
    const readSecret = secretOf({ orgId: ANY_ORG, ...connection });
    const read = () => readConnection(name, salesforceConnectionSchema, { readSecret });
    const connect = orgId ? connectTo(orgId, name, readSecret) : read;
    const client = createSalesforce(connect, { gate: ungated, orgId: orgId ?? ANY_ORG });
    const { apiVersion, orgId: named } = await client.connection();
    if (!(await client.versions()).includes(apiVersion))
      throw new Error(`Salesforce does not serve API version ${apiVersion} there: give another --api-version`);
    const { orgId: found } = await client.identity();
    if (connection.orgId !== undefined && found !== named)
      throw new Error(
        `the login leads to organisation ${found}, not to ${named}: correct loginUrl or the organisation`,
      );
    return { orgId: found, text: `logged in to organisation ${found}, API version ${apiVersion}` };
  },
};

const stripe: Definition = {
  members: [
    { name: "apiKey", flag: "api-key", question: "Restricted key with write access to customers", isSecret: true },
    { name: "baseUrl", flag: "base-url" },
  ],
  async test(name, connection) {
    const { createBilling } = await import("../../functions/billing/client.ts");
    const { stripeConnectionSchema } = await import("../../functions/billing/connection.ts");
    const readSecret = secretOf(connection);
    const connect = () => readConnection(name, stripeConnectionSchema, { readSecret });
    await createBilling(connect, { gate: ungated }).list({ from: Date.now() });
    return { text: "Stripe let the key read customers" };
  },
};

const slack: Definition = {
  members: [
    { name: "token", flag: "token", question: "Bot token with the scope chat:write", isSecret: true },
    { name: "channel", flag: "channel", question: "Channel id, such as C0123456789" },
    { name: "apiUrl", flag: "api-url" },
  ],
  async test(name, connection) {
    const { createSlack } = await import("../../functions/slack/client.ts");
    const { slackConnectionSchema } = await import("../../functions/slack/connection.ts");
    const readSecret = secretOf(connection);
    const connect = () => readConnection(name, slackConnectionSchema, { readSecret });
    const { teamId, isChannelSeen } = await createSlack(connect, ungated).inspect();
    const channel = isChannelSeen
      ? "may post to the channel"
      : "the channel was not looked at, for which the token lacks channels:read";
    return { text: `Slack knows the token (workspace ${teamId}); ${channel}` };
  },
};

export const DEFINITIONS: Readonly<Record<System, Definition>> = { salesforce, stripe, slack };

/** Stands in for Secrets Manager, where the connection is not yet. */
function secretOf(connection: Members): ReadSecret {
  return async () => JSON.stringify(connection);
}
