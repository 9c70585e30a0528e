import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { GetQueueAttributesCommand, paginateListQueues, type SQSClient } from "@aws-sdk/client-sqs";
import type { Stack } from "../stack.ts";
import { count, duration, number } from "../text.ts";
import type { Line } from "./line.ts";

const MINUTE_MS = 60_000;
const STALE_MS = 15 * MINUTE_MS;
/** Work of these may wait for hours behind live changes, or for the API budget. */
const PATIENT = /-(customer-sync-bulk|salesforce-sweep|catch-up)$/;
const PATIENT_MS = 24 * 3_600_000;
const ATTRIBUTES = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;
/** Metrics come with some delay. */
const LOOK_BACK_MS = 10 * MINUTE_MS;

/** A queue of the fleet, and about how many messages it holds, hidden ones included. */
export interface Queue {
  readonly name: string;
  readonly messages: number;
}

/** Every queue of a fleet, dead letters included. */
export async function readQueues(sqs: SQSClient, stack: Stack): Promise<Queue[]> {
  const urls: string[] = [];
  for await (const page of paginateListQueues({ client: sqs, pageSize: 100 }, { QueueNamePrefix: `${stack.bus}-` }))
    urls.push(...(page.QueueUrls ?? []));
  return Promise.all(
    urls.map(async (QueueUrl) => {
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...ATTRIBUTES] });
      const { Attributes = {} } = await sqs.send(command);
      const messages = ATTRIBUTES.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
      return { name: QueueUrl.split("/").at(-1) ?? QueueUrl, messages };
    }),
  );
}

/** How much waits in the queues, and what lies on the dead-letter queues. */
export function lineOfQueues(queues: readonly Queue[]): Line {
  const [dead, live] = [queues.filter(isDead), queues.filter((queue) => !isDead(queue))];
  const deadLetters = sumOf(dead);
  const longest = live.toSorted((a, b) => b.messages - a.messages)[0];
  const where = longest && longest.messages > 0 ? `, most on ${longest.name}` : "";
  const text = `${count(sumOf(live), "message")} on ${count(live.length, "queue")}${where}; ${count(deadLetters, "dead letter")}`;
  if (queues.length === 0)
    return { name: "queues", ok: false, text: "there are none", advice: "deploy the fleet, or give another --stage" };
  return deadLetters > 0
    ? {
        name: "queues",
        ok: false,
        text,
        advice: "flows-park moves dead letters to the parked work; its log says why it does not",
      }
    : { name: "queues", ok: true, text };
}

/** The oldest message of any queue, as CloudWatch last measured it: SQS itself does not tell. */
export async function lineOfAges(queues: readonly Queue[], options: object, now: number): Promise<Line> {
  const live = queues.filter((queue) => !isDead(queue));
  const query = ({ name }: Queue, index: number) => ({
    Id: `q${index}`,
    Label: name,
    MetricStat: {
      Metric: {
        Namespace: "AWS/SQS",
        MetricName: "ApproximateAgeOfOldestMessage",
        Dimensions: [{ Name: "QueueName", Value: name }],
      },
      Period: 60,
      Stat: "Maximum",
    },
  });
  const { MetricDataResults = [] } = await new CloudWatchClient(options).send(
    new GetMetricDataCommand({
      StartTime: new Date(now - LOOK_BACK_MS),
      EndTime: new Date(now),
      ScanBy: "TimestampDescending",
      MetricDataQueries: live.map(query),
    }),
  );
  const ages = MetricDataResults.flatMap(({ Label = "", Values }) =>
    Values?.[0] === undefined ? [] : [{ name: Label, ms: Values[0] * 1000 }],
  );
  const [oldest] = ages.toSorted((a, b) => b.ms - a.ms);
  if (!oldest)
    return {
      name: "oldest",
      ok: undefined,
      text: "CloudWatch measured none in the last 10 min: no message waited, or it is too early to say",
    };
  const stale = ages.filter(({ name, ms }) => ms > (PATIENT.test(name) ? PATIENT_MS : STALE_MS));
  const text = `the oldest message waits for ${duration(oldest.ms)}, on ${oldest.name}`;
  if (stale.length === 0) return { name: "oldest", ok: true, text };
  const names = stale.map(({ name }) => name).join(", ");
  return {
    name: "oldest",
    ok: false,
    text,
    advice: `${number(stale.length)} too old: ${names}; see the logs of their functions`,
  };
}

function isDead({ name }: Queue): boolean {
  return name.endsWith("-dead");
}

function sumOf(queues: readonly Queue[]): number {
  return queues.reduce((sum, { messages }) => sum + messages, 0);
}
