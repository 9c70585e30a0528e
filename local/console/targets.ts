import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { XRayClient } from "@aws-sdk/client-xray";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { fetchTraces } from "../../cli/trace/fetch.ts";

/** What one system shows of a customer, or why it could not be asked. */
export interface View {
  readonly found?: unknown;
  readonly problem?: string;
}

/** One hop of a change's trace. */
interface Hop {
  readonly name: string;
  /** Milliseconds since the first hop began. */
  readonly after: number;
  /** Milliseconds that the hop took; null while it runs. */
  readonly took: number | null;
  readonly failed: boolean;
}

export interface TargetsOptions {
  readonly aws: { readonly origin: string; readonly customersTable?: string };
  readonly stripe: { readonly apiKey: string; readonly baseUrl: string };
  readonly slack: { readonly token: string; readonly apiUrl: string; readonly channel: string };
}

/** Reads a customer from every place where the fleet keeps it in step. */
export interface Targets {
  store(customerId: string): Promise<View>;
  billing(customerId: string): Promise<View>;
  slack(mentions: readonly string[]): Promise<View>;
  /** The newest trace of the change with this correlation id. */
  trace(correlationId: string): Promise<View>;
  close(): void;
}

const TRACES_SINCE_MS = 24 * 3600 * 1000;
const MESSAGES = 5;
/** Name that the billing connector gives the account's id in Stripe's metadata. */
const ACCOUNT_KEY = "salesforce_account_id";

/** Asks the twin as its administrator, Stripe and Slack with the connections' own keys. */
export function createTargets({ aws, stripe, slack }: TargetsOptions): Targets {
  const client = {
    endpoint: aws.origin,
    region: "us-east-1",
    credentials: { accessKeyId: "console", secretAccessKey: "console" },
    maxAttempts: 1,
  };
  const dynamodb = new DynamoDBClient(client);
  const documents = DynamoDBDocumentClient.from(dynamodb);
  const xray = new XRayClient(client);
  return {
    store: (customerId) =>
      view(async () => {
        if (!aws.customersTable) throw new Error("The page was started without a customers table.");
        const command = new GetCommand({ TableName: aws.customersTable, Key: { customerId }, ConsistentRead: true });
        return (await documents.send(command)).Item ?? null;
      }),
    billing: (customerId) =>
      view(async () => {
        const query = encodeURIComponent(`metadata['${ACCOUNT_KEY}']:'${customerId}'`);
        const { data } = await get(`${stripe.baseUrl}/v1/customers/search?query=${query}`, stripe.apiKey);
        return data;
      }),
    slack: (mentions) =>
      view(async () => {
        const url = new URL(`conversations.history?channel=${slack.channel}&limit=200`, slack.apiUrl);
        const { ok, error, messages } = await get(url.href, slack.token);
        if (!ok) throw new Error(`Slack answered ${error}.`);
        const matching = (messages as SlackMessage[])
          .map((message) => ({ ts: message.ts, text: passageOf(message, mentions) }))
          .filter(({ text }) => text !== "");
        return matching.slice(0, MESSAGES);
      }),
    trace: (correlationId) =>
      view(async () => {
        const [trace] = await fetchTraces(xray, correlationId, TRACES_SINCE_MS);
        return trace ? { traceId: trace.traceId, hops: hopsOf(trace.documents) } : null;
      }),
    close() {
      dynamodb.destroy();
      xray.destroy();
    },
  };
}

interface SlackMessage {
  readonly ts: string;
  readonly text: string;
  readonly blocks?: readonly { readonly text?: { readonly text: string } }[];
}

/** The part of a message that mentions the customer: a digest speaks of many. */
function passageOf({ text, blocks = [] }: SlackMessage, mentions: readonly string[]): string {
  const parts = blocks.length > 0 ? blocks.map((block) => block.text?.text ?? "") : [text];
  return parts.filter((part) => mentions.some((mention) => part.includes(mention))).join("\n");
}

interface Document {
  readonly name: string;
  readonly start_time: number;
  readonly end_time?: number;
  readonly error?: unknown;
  readonly fault?: unknown;
}

function hopsOf(documents: readonly Document[]): Hop[] {
  const began = Math.min(...documents.map((document) => document.start_time));
  return [...documents]
    .sort((left, right) => left.start_time - right.start_time)
    .map(({ name, start_time, end_time, error, fault }) => ({
      name,
      after: milliseconds(start_time - began),
      took: end_time === undefined ? null : milliseconds(end_time - start_time),
      failed: Boolean(error) || Boolean(fault),
    }));
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

async function view(read: () => Promise<unknown>): Promise<View> {
  try {
    return { found: await read() };
  } catch (error) {
    const { message, cause } = error as Error;
    return { problem: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
}

// biome-ignore lint/suspicious/noExplicitAny: each caller knows the shape of what it asked for
async function get(url: string, token: string): Promise<any> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}.`);
  return response.json();
}
