import { z } from "zod";
import { toLongId } from "./ids.ts";

const common = {
  /** The org's My Domain URL, such as https://acme.my.salesforce.com; also the audience of the JWT. */
  loginUrl: z.url(),
  clientId: z.string().min(1),
  /** Such as `67.0`. Release notes: https://help.salesforce.com/s/articleView?id=release-notes.salesforce_release_notes.htm */
  apiVersion: z.string().regex(/^\d{2,3}\.0$/),
  orgId: z.string().regex(/^00D/).transform(toLongId),
  /** Sent as `Sforce-Call-Options: client=…`; by it our own writes are recognised. */
  integrationClientName: z.string().regex(/^[\w./-]+$/),
  /** Host and port of the Pub/Sub API, from which missed changes are read. */
  pubSubEndpoint: z
    .string()
    .regex(/^[^/\s]+:\d+$/)
    .default("api.pubsub.salesforce.com:7443"),
  /** PEM certificate that the Pub/Sub API is trusted by, when the system's roots do not know it. */
  pubSubCertificate: z.string().includes("BEGIN CERTIFICATE").optional(),
  /** A custom channel of Account and Contact alone, such as `/data/Fleet__chn`, spares deliveries of other objects. */
  pubSubChannel: z
    .string()
    .regex(/^\/data\/\w+$/)
    .default("/data/ChangeEvents"),
  /** Share of the daily API calls that background work leaves to live work, 0 to 1. */
  apiReserve: z.number().min(0).max(1).default(0.2),
  /** Name of the field mapping in functions/salesforce/mapping/fields.ts. */
  mapping: z.string().min(1).default("default"),
};

/** The secret that connects to one Salesforce organisation: client credentials, or a JWT signed with a private key. */
export const salesforceConnectionSchema = z.union([
  z.looseObject({ ...common, clientSecret: z.string().min(1) }),
  z.looseObject({ ...common, username: z.string().min(1), privateKey: z.string().min(1) }),
]);

export type SalesforceConnection = z.infer<typeof salesforceConnectionSchema>;

/** Reads the connection; `forceFetch` goes past the cache, after the credentials were refused. */
export type Connect = (options: { forceFetch: boolean }) => Promise<SalesforceConnection>;
