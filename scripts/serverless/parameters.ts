import { parseSchedule } from "../../local/aws/events/schedule.ts";
import { parseOrgs } from "./orgs.ts";

/** What a parameter of serverless.yml may be, in words and as a question. Values of the command line are texts. */
interface Parameter {
  readonly takes: string;
  fits(text: string): boolean;
}

/** The parameters of the framework: those of serverless.yml by stage, and those of the command line. */
export interface Given {
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  readonly stage: string;
  /** `name=value` each. */
  readonly commandLine: readonly string[];
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
const RETENTION = "1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653".split(" ");
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
const LONGEST_WINDOW = 300;
const LARGEST_BATCH = 10_000;
const LARGEST_BATCH_WITHOUT_WINDOW = 10;
/** Thirteen days: a queue keeps a message for fourteen. */
const LATEST_GIVING_UP = 1_123_200;

const FLAG: Parameter = { takes: "true or false", fits: (text) => text === "true" || text === "false" };
const RATE: Parameter = {
  takes: "rate(15 minutes) or cron(15 3 * * ? *), as EventBridge reads them",
  fits: (text) => parseSchedule(text) !== undefined,
};

const PARAMETERS: Readonly<Record<string, Parameter>> = {
  salesforceEventSource: { takes: "a name, or several with commas between", fits: (text) => text !== "" },
  alarmTopicArn: {
    takes: "the ARN of an SNS topic, arn:aws:sns:<region>:<account>:<name>, or nothing",
    fits: (text) => /^(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256})?$/.test(text),
  },
  // An alarm looks back for a week at most.
  feedSilentHours: whole("hours", 0, 168),
  traceSampleRate: numeric("a share from 0 to 1", (value) => value >= 0 && value <= 1),
  slackWindow: whole("seconds", 0, LONGEST_WINDOW),
  slackBatchSize: whole("messages", 1, LARGEST_BATCH),
  logRetentionDays: { takes: `one of ${RETENTION.join(", ")} days`, fits: (text) => RETENTION.includes(text) },
  retainData: FLAG,
  costCentre: {
    // https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html
    takes: "a tag of at most 256 letters, digits, spaces and _ . : / = + - @",
    fits: (text) => /^[\p{L}\p{N}\p{Z}_.:/=+\-@]{1,256}$/u.test(text),
  },
  catchUp: FLAG,
  catchUpRate: RATE,
  sweep: FLAG,
  sweepRate: RATE,
  duplicatesRate: RATE,
  stripeRate: numeric("requests a second, more than 0", (value) => value > 0),
  bulkBatchSize: whole("runs", 1, LARGEST_BATCH_WITHOUT_WINDOW),
  giveUpAfterSeconds: whole("seconds", 60, LATEST_GIVING_UP),
  // Batches of these consumers are larger than ten.
  captureWindow: whole("seconds", 1, LONGEST_WINDOW),
  writeBackWindow: whole("seconds", 1, LONGEST_WINDOW),
};

/** Names of all parameters. */
export const parameterNames = Object.keys(PARAMETERS);

/** The parameters that a stage goes by: the command line before the stage's own, and those before the default. */
export function parametersOf({ params, stage, commandLine }: Given): Readonly<Record<string, unknown>> {
  const fromCommandLine = commandLine.map((item): [string, string] => {
    const at = item.indexOf("=");
    return [item.slice(0, at), item.slice(at + 1).trimEnd()];
  });
  return { ...params.default, ...params[stage], ...Object.fromEntries(fromCommandLine) };
}

/** What is wrong with the parameters of a stage: a sentence each, with the name, the value and what it takes. */
export function wrongParameters(values: Readonly<Record<string, unknown>>): string[] {
  const wrong = Object.entries(values).flatMap(([name, value]) => {
    const parameter = PARAMETERS[name];
    if (!parameter) return [`There is no parameter '${name}'; there are ${parameterNames.join(", ")}.`];
    const text = String(value ?? "");
    // A variable of the framework, which is not filled yet.
    if (text.startsWith("${")) return [];
    if (!parameter.fits(text)) return [`Parameter ${name} is '${text}'; it takes ${parameter.takes}.`];
    return name === "salesforceEventSource" ? wrongOrgs(text) : [];
  });
  return [...wrong, ...hastyBatch(values)];
}

function wrongOrgs(text: string): string[] {
  try {
    parseOrgs(text);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function hastyBatch({ slackBatchSize, slackWindow }: Readonly<Record<string, unknown>>): string[] {
  const isHasty = Number(slackBatchSize) > LARGEST_BATCH_WITHOUT_WINDOW && String(slackWindow) === "0";
  if (!isHasty) return [];
  return [
    `Parameter slackBatchSize is '${slackBatchSize}', and slackWindow '0'; more than ${LARGEST_BATCH_WITHOUT_WINDOW} messages need a window of 1 second or more.`,
  ];
}

function whole(unit: string, least: number, most: number): Parameter {
  return {
    takes: `whole ${unit} from ${least} to ${most}`,
    fits: (text) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most,
  };
}

function numeric(takes: string, fits: (value: number) => boolean): Parameter {
  return { takes, fits: (text) => /^\d{1,9}(\.\d{1,9})?$/.test(text) && fits(Number(text)) };
}
