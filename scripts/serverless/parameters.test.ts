import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parameterNames, parametersOf, wrongParameters } from "./parameters.ts";

const SERVERLESS = readFileSync(join(import.meta.dirname, "..", "..", "serverless.yml"), "utf8");
const RELAY = "aws.partner/salesforce.com/00D5f0000000001EAA/0YL5f0000000001GAA";

const given = (...commandLine: string[]) => wrongParameters(parametersOf({ params: {}, stage: "dev", commandLine }));

test("every parameter of serverless.yml is known, and no other", () => {
  const block = /\nparams:\n {2}default:\n([\s\S]*?)\n {2}\S/.exec(SERVERLESS)?.[1] ?? "";
  const names = [...block.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name);
  expect([...parameterNames].sort()).toEqual(names.sort());
});

describe("a value that a parameter cannot have is told with what it takes", () => {
  test.each([
    ["salesforceEventSource=", "it takes a name, or several with commas between"],
    ["alarmTopicArn=my-topic", "it takes the ARN of an SNS topic"],
    ["feedSilentHours=169", "it takes whole hours from 0 to 168"],
    ["traceSampleRate=1.5", "it takes a share from 0 to 1"],
    ["slackWindow=-1", "it takes whole seconds from 0 to 300"],
    ["slackBatchSize=0", "it takes whole messages from 1 to 10000"],
    ["logRetentionDays=31", "it takes one of 1, 3, 5, 7, 14, 30"],
    ["costCentre=a;b", "it takes a tag of at most 256 letters"],
    ["catchUp=yes", "it takes true or false"],
    ["catchUpRate=rate(1 minutes)", "it takes rate(15 minutes) or cron(15 3 * * ? *)"],
    ["sweep=", "it takes true or false"],
    ["sweepRate=cron(15 25 * * ? *)", "it takes rate(15 minutes) or cron(15 3 * * ? *)"],
    ["duplicatesRate=nightly", "it takes rate(15 minutes) or cron(15 3 * * ? *)"],
    ["stripeRate=0", "it takes requests a second, more than 0"],
    ["bulkBatchSize=11", "it takes whole runs from 1 to 10"],
    ["giveUpAfterSeconds=59", "it takes whole seconds from 60 to 1123200"],
    ["captureWindow=0", "it takes whole seconds from 1 to 300"],
    ["writeBackWindow=1e2", "it takes whole seconds from 1 to 300"],
  ])("%s", (parameter, takes) => {
    const [name, ...value] = parameter.split("=");
    expect(given(parameter)).toEqual([expect.stringContaining(`Parameter ${name} is '${value.join("=")}'; ${takes}`)]);
  });

  test("and so is an event source that is none", () => {
    expect(given("salesforceEventSource=aws.partner/elsewhere")).toEqual([
      expect.stringContaining("Parameter salesforceEventSource has 'aws.partner/elsewhere'; write aws.partner/"),
    ]);
  });

  test("and two that do not go together", () => {
    expect(given("slackBatchSize=50", "slackWindow=0")).toEqual([
      "Parameter slackBatchSize is '50', and slackWindow '0'; more than 10 messages need a window of 1 second or more.",
    ]);
  });
});

test.each([
  ["alarmTopicArn", "arn:aws-cn:sns:cn-north-1:123456789012:alarms"],
  ["alarmTopicArn", ""],
  ["costCentre", "Vertrieb Süd/42"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the framework fills it
  ["costCentre", "${self:service}"],
  ["sweepRate", "cron(0 2 ? * MON-FRI *)"],
  ["catchUp", "false"],
  ["traceSampleRate", "0.05"],
  ["stripeRate", "2.5"],
  ["salesforceEventSource", `00D000000000002EAA=aws.partner/appflow/salesforce.com/123456789012/crm, ${RELAY}`],
])("%s may be '%s'", (name, value) => {
  expect(given(`${name}=${value}`)).toEqual([]);
});

test("an unknown name is told with those that there are, and all that is wrong at once", () => {
  expect(given("slackWindw=1", "sweep=no", "catchUp=no")).toEqual([
    `There is no parameter 'slackWindw'; there are ${parameterNames.join(", ")}.`,
    "Parameter sweep is 'no'; it takes true or false.",
    "Parameter catchUp is 'no'; it takes true or false.",
  ]);
});

test("the command line goes before the stage, and the stage before the default; other stages are not looked at", () => {
  const params = {
    default: { sweep: "no", catchUp: true },
    dev: { sweep: "never" },
    prod: { sweep: "always", other: 1 },
  };
  const wrong = (...commandLine: string[]) => wrongParameters(parametersOf({ params, stage: "dev", commandLine }));
  expect(wrong()).toEqual(["Parameter sweep is 'never'; it takes true or false."]);
  expect(wrong("sweep=true")).toEqual([]);
});
