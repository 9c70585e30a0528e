import { userType } from "./objects/people.ts";
import type { Org } from "./org.ts";
import type { PubSubServer } from "./pubsub/server.ts";
import { type ClientApp, HUMAN_USER, INTEGRATION_CLIENT_NAME, INTEGRATION_USER, OTHER_USER } from "./state.ts";

/** What every connection to an org has. */
interface OrgConnection {
  readonly loginUrl: string;
  readonly clientId: string;
  readonly apiVersion: string;
  readonly orgId: string;
  readonly integrationClientName: string;
  /** Host and port of the Pub/Sub API. */
  readonly pubSubEndpoint: string;
  /** PEM of the certificate to trust there; the real service needs none. */
  readonly pubSubCertificate: string;
}

/** Secret of a connection that uses the client credentials flow. */
export interface ClientCredentialsConnection extends OrgConnection {
  readonly clientSecret: string;
}

/** Secret of a connection that uses the JWT bearer flow. */
interface JwtConnection extends OrgConnection {
  readonly username: string;
  /** PEM (PKCS #8). */
  readonly privateKey: string;
}

/** How to reach an org, and as whom. */
export interface Connections {
  readonly orgId: string;
  /** Name of the partner event source and bus: `aws.partner/salesforce.com/<org>/<channel>`. */
  readonly eventSource: string;
  readonly integrationUserId: string;
  readonly humanUserId: string;
  readonly otherUserId: string;
  /** The Pub/Sub API: its address, and the certificate (PEM) to trust. */
  readonly pubSub: { readonly endpoint: string; readonly certificate: string };
  connection(): ClientCredentialsConnection;
  jwtConnection(): JwtConnection;
  /** The person who edits records by hand. */
  humanConnection(): ClientCredentialsConnection;
  /** Another person, with an application of her own. */
  otherConnection(): ClientCredentialsConnection;
}

const API_VERSION = "66.0";

/** @param org the org of the moment: a reset replaces it, and keeps what is told here */
export function describeOrg(url: string, org: () => Org, pubSub: PubSubServer): Connections {
  const { orgId, channelId } = org().state;
  const { endpoint, certificate } = pubSub;
  const common = {
    loginUrl: url,
    apiVersion: API_VERSION,
    orgId,
    integrationClientName: INTEGRATION_CLIENT_NAME,
    pubSubEndpoint: endpoint,
    pubSubCertificate: certificate,
  };
  const credentials = (username: string) => {
    const { clientId, clientSecret } = clientOf(org(), username);
    return { ...common, clientId, clientSecret };
  };
  return {
    orgId,
    eventSource: `aws.partner/salesforce.com/${orgId}/${channelId}`,
    integrationUserId: userId(org(), INTEGRATION_USER),
    humanUserId: userId(org(), HUMAN_USER),
    otherUserId: userId(org(), OTHER_USER),
    pubSub: { endpoint, certificate },
    connection: () => credentials(INTEGRATION_USER),
    humanConnection: () => credentials(HUMAN_USER),
    otherConnection: () => credentials(OTHER_USER),
    jwtConnection: () => {
      const { clientId, runAs } = clientOf(org(), INTEGRATION_USER);
      return { ...common, clientId, username: runAs, privateKey: org().state.privateKey };
    },
  };
}

function clientOf({ state }: Org, username: string): ClientApp {
  const client = Object.values(state.clients).find((one) => one.runAs === username);
  if (!client) throw new Error(`The org has no application for ${username}; reset its state.`);
  return client;
}

function userId(org: Org, username: string): string {
  return String(org.lookup(userType, "Username", username)[0]?.Id);
}
