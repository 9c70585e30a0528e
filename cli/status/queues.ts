import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { GetQueueAttributesCommand, paginateListQueues, type SQSClient } from "@aws-sdk/client-sqs";
import type { Stack } from "../stack.ts";
import { ago, count, duration, number } from "../text.ts";
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
/** Metrics come with a delay of a minute or two; what is older may be of a message that is long gone. */
const LOOK_BACK_MS = 5 * MINUTE_MS;

const LATER = "since when is known a minute or two after they came";

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

/**
 * The oldest message of the queues that hold any now, as CloudWatch last measured it: SQS itself tells counts alone. A
 * count is right within about a minute: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
 */
export async function lineOfAges(queues: readonly Queue[], options: object, now: number): Promise<Line> {
  const name = "oldest";
  const filled = queues.filter((queue) => !isDead(queue) && queue.messages > 0);
  if (filled.length === 0) return { name, ok: true, text: "no message waits" };
  const ages = await readAges(filled, options, now);
  const [oldest] = ages.toSorted((a, b) => b.ms - a.ms);
  const unknown = namesOf(filled.filter((queue) => ages.every((age) => age.name !== queue.name)));
  if (!oldest) return { name, ok: undefined, text: `messages wait on ${unknown}, ${LATER}` };
  const more = unknown ? `; messages wait on ${unknown} too, ${LATER}` : "";
  const text = `the oldest message waits for ${duration(oldest.ms)}, on ${oldest.name}, measured ${ago(oldest.at, now)}${more}`;
  const stale = ages.filter((age) => age.ms > (PATIENT.test(age.name) ? PATIENT_MS : STALE_MS));
  if (stale.length === 0) return { name, ok: true, text };
  const advice = `${number(stale.length)} too old: ${namesOf(stale)}; see the logs of their functions`;
  return { name, ok: false, text, advice };
}

/** Age of the oldest message of each queue, and when it was measured; nothing of a queue that was not measured lately. */
async function readAges(queues: readonly Queue[], options: object, now: number) {
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
      MetricDataQueries: queues.map(query),
    }),
  );
  return MetricDataResults.flatMap(({ Label: name = "", Values: [seconds] = [], Timestamps: [at] = [] }) =>
    seconds === undefined || !at ? [] : [{ name, ms: seconds * 1000, at: at.toISOString() }],
  );
}

function namesOf(queues: readonly { readonly name: string }[]): string {
  return queues.map(({ name }) => name).join(", ");
}

function isDead({ name }: Queue): boolean {
  return name.endsWith("-dead");
}

function sumOf(queues: readonly Queue[]): number {
  return queues.reduce((sum, { messages }) => sum + messages, 0);
}
