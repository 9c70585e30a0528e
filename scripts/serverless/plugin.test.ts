import { describe, expect, test } from "@jest/globals";
import FleetPlugin from "./plugin.ts";

// biome-ignore lint/suspicious/noExplicitAny: the framework's objects are plain here
type Json = any;

const REAL_SOURCE = "aws.partner/salesforce.com/00D5f0000000001EAA/0YL5f0000000001GAA";
const PLACEHOLDER = "aws.partner/salesforce.com/EXAMPLE/EXAMPLE";
const TRACING = { Effect: "Allow", Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource: "*" };

class FrameworkError extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The framework as the plugin sees it, and the plugin in it. */
function framework(functions: Record<string, Json>, members: Json = {}) {
  const schemas: Record<string, Json> = {};
  const { command = "package", salesforceEventSource = PLACEHOLDER, alarmTopicArn = "", ...more } = members;
  const { provider = {}, param = [], getAccountId = async () => "123456789012", ...service } = more;
  const warnings: string[] = [];
  const serverless: Json = {
    service: {
      service: "fleet",
      provider: { stage: "test", compiledCloudFormationTemplate: { Resources: {} }, ...provider },
      custom: {
        fleet: {
          ...{ salesforceEventSource, alarmTopicArn, feedSilentHours: "24" },
          ...{ fleetBus: { Ref: "FleetBus" }, stateTable: { Ref: "FleetStateTable" } },
          ...{ retainData: "false", giveUpAfterSeconds: 86_400, alarmActions: [alarmTopicArn] },
        },
      },
      functions,
      ...service,
    },
    processedInput: { commands: [command], options: { param } },
    configurationInput: { params: { default: { salesforceEventSource } } },
    getProvider: () => ({ getAccountId }),
    classes: { Error: FrameworkError },
    configSchemaHandler: {
      defineFunctionEvent: (provider: string, name: string, schema: Json) => {
        schemas[`${provider}:${name}`] = schema;
      },
      defineFunctionProperties: (provider: string, schema: Json) => {
        schemas[`${provider}.function`] = schema;
      },
    },
  };
  const log = { warning: (message: string) => void warnings.push(message), notice: () => undefined };
  return { serverless, schemas, warnings, plugin: new FleetPlugin(serverless, {}, { log }) };
}

const consumer = (queue: string, members: object = {}) => ({
  consumer: { queue, consumes: ["customer.synced"], ...members },
});
const drained = (queue: string) => ({
  sqs: { arn: { "Fn::GetAtt": [queue, "Arn"] }, batchSize: 10, functionResponseType: "ReportBatchItemFailures" },
});

test("the framework learns the events, the properties and the moments", () => {
  const { schemas, plugin } = framework({});
  expect(Object.keys(schemas)).toEqual(["aws:consumer", "aws:deadLetters", "aws.function"]);
  expect(schemas["aws:consumer"]).toMatchObject({ required: ["queue"], additionalProperties: false });
  expect(Object.keys(plugin.hooks)).toEqual([
    "initialize",
    "before:package:finalize",
    "before:aws:package:finalize:saveServiceState",
    "after:package:createDeploymentArtifacts",
    "before:deploy:deploy",
    "after:aws:deploy:deploy:createStack",
  ]);
});

describe("a consumer", () => {
  const notify = () => ({
    timeout: 60,
    environment: { CHANNEL: "#sales" },
    iamRoleStatements: [{ Action: "own" }],
    events: [{ schedule: "rate(1 day)" }, consumer("notices")],
  });

  test("becomes an event of its queue, beside the function's own", async () => {
    const functions = { notify: notify() };
    const { plugin, serverless } = framework(functions);
    await plugin.hooks.initialize?.();
    expect(functions.notify.events).toEqual([{ schedule: "rate(1 day)" }, drained("NoticesQueue")]);
    expect(Object.keys(serverless.service.resources.Resources)).toContain("NoticesDeadLetterQueue");
    expect(serverless.service.resources.Resources.NoticesQueue.Properties).toMatchObject({
      QueueName: "fleet-test-notices",
      VisibilityTimeout: 360,
    });
  });

  test("adds to environment and permissions and takes nothing away", () => {
    const functions: Json = { notify: notify() };
    framework(functions).plugin.expand();
    expect(functions.notify.environment).toEqual({
      CHANNEL: "#sales",
      QUEUE_URL: { Ref: "NoticesQueue" },
      DEAD_LETTER_QUEUE_URL: { Ref: "NoticesDeadLetterQueue" },
      GIVE_UP_AFTER_SECONDS: "86400",
      VISIBILITY_SECONDS: "360",
      RUN_SECONDS: "75",
      FLEET_STATE_TABLE: { Ref: "FleetStateTable" },
    });
    const [own, ...added] = functions.notify.iamRoleStatements;
    expect(own).toEqual({ Action: "own" });
    expect(added.flatMap(({ Action }: Json) => Action)).toEqual([
      "sqs:ChangeMessageVisibility",
      "sqs:SendMessage",
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      ...TRACING.Action,
    ]);
  });

  test.each([
    [{ timeout: 20 }, { timeout: 10 }, 60],
    [{ timeout: 20 }, {}, 120],
    // The framework's own default. https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    [{}, {}, 36],
  ])("hides messages by the time-out of provider %j and function %j", (provider, config, expected) => {
    const functions = { notify: { ...config, events: [consumer("notices")] } };
    const { plugin, serverless } = framework(functions, { provider });
    plugin.expand();
    expect(serverless.service.resources.Resources.NoticesQueue.Properties.VisibilityTimeout).toBe(expected);
  });

  test("keeps the resources that are there already", () => {
    const resources = { Resources: { FleetBus: { Type: "AWS::Events::EventBus" } }, Conditions: { HasAlarm: true } };
    const { plugin, serverless } = framework({ notify: notify() }, { resources });
    plugin.expand();
    expect(serverless.service.resources).toMatchObject(resources);
    expect(Object.keys(serverless.service.resources.Resources)).toContain("NoticesRule");
  });

  test("of the same queue twice is refused, as one would replace the other", () => {
    const { plugin } = framework({ one: { events: [consumer("notices")] }, two: { events: [consumer("notices")] } });
    expect(() => plugin.expand()).toThrow(
      "Two consumers have the queue 'notices'; give each consumer a queue of its own.",
    );
  });

  test("of two queues in one function is refused, as the function could not tell them apart", () => {
    const { plugin } = framework({ notify: { events: [consumer("one"), consumer("two")] } });
    expect(() => plugin.expand()).toThrow(
      "Function 'notify' has two consumers; its environment names one queue, so write a function for each.",
    );
  });
});

describe("deadLetters", () => {
  test("feeds a function from every consumer's dead-letter queue, wherever it stands", () => {
    const functions: Json = {
      park: { events: [{ deadLetters: true }] },
      notify: { events: [consumer("notices")] },
      dispatch: { events: [consumer("customer-sync")] },
    };
    framework(functions).plugin.expand();
    expect(functions.park.events).toEqual([drained("NoticesDeadLetterQueue"), drained("CustomerSyncDeadLetterQueue")]);
    expect(functions.park.environment).toBeUndefined();
  });

  test("feeds from nothing when there is no consumer", () => {
    const functions: Json = { park: { events: [{ deadLetters: true }] }, other: {} };
    framework(functions).plugin.expand();
    expect(functions.park.events).toEqual([]);
  });

  test("every function may send traces", () => {
    const functions: Json = { park: { events: [{ deadLetters: true }] }, other: {} };
    framework(functions).plugin.expand();
    for (const config of Object.values(functions)) expect((config as Json).iamRoleStatements).toContainEqual(TRACING);
  });
});

test("a deploy takes over the secrets of the deployed template, so that CloudFormation keeps them", async () => {
  const Secret = { Type: "AWS::SecretsManager::Secret", Properties: { Name: "fleet/test/stripe" } };
  const { plugin, serverless } = framework({});
  serverless.getProvider = () => ({
    naming: { getStackName: () => "fleet-test" },
    getCloudFormationClient: async () => ({
      send: async () => ({ TemplateBody: JSON.stringify({ Resources: { Secret } }) }),
    }),
  });
  await plugin.hooks["before:deploy:deploy"]?.();
  expect(serverless.service.provider.compiledCloudFormationTemplate.Resources).toEqual({
    Secret: { ...Secret, DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" },
  });
});

describe("names", () => {
  const long = "a-function-whose-name-is-a-little-longer-than-most-others";

  test("of functions fit, however long the stage's is", () => {
    const functions: Json = { notify: {}, [long]: {} };
    framework(functions, { provider: { stage: "a-stage-of-20-letter" } }).plugin.expand();
    expect(functions.notify.name).toBe("fleet-a-stage-of-20-letter-notify");
    expect(functions[long].name).toMatch(/^fleet-a-stage-of-20-letter-a-function-.*-[0-9a-f]{8}$/);
    expect(functions[long].name).toHaveLength(64);
  });

  test("of roles are CloudFormation's", async () => {
    const role = (RoleName?: string) => ({ Type: "AWS::IAM::Role", Properties: { RoleName } });
    const functions: Json = { notify: {} };
    const Resources: Json = { Own: role("own") };
    const { plugin } = framework(functions, { provider: { compiledCloudFormationTemplate: { Resources } } });
    await plugin.hooks.initialize?.();
    Resources.Made = role(functions.notify.iamRoleStatementsName);
    await plugin.hooks["before:package:finalize"]?.();
    expect([Resources.Own.Properties, Resources.Made.Properties]).toEqual([{ RoleName: "own" }, {}]);
  });

  test("of log groups are the template's: no role that was compiled may make one", async () => {
    const role = (Action: string | string[]) => ({
      Type: "AWS::IAM::Role",
      Properties: { Policies: [{ PolicyDocument: { Statement: [{ Action }] } }] },
    });
    const Resources: Json = {
      Made: role(["logs:CreateLogStream", "logs:CreateLogGroup"]),
      Own: role("logs:PutLogEvents"),
    };
    const { plugin } = framework({}, { provider: { compiledCloudFormationTemplate: { Resources } } });
    await plugin.hooks["before:package:finalize"]?.();
    expect(Resources).toEqual({ Made: role(["logs:CreateLogStream"]), Own: role("logs:PutLogEvents") });
  });
});

describe("what is wrong from the beginning", () => {
  const begun = (members: Json) => framework({}, members).plugin.asyncInit();

  test("is told all at once, before anything is packaged, in the framework's own error, which has no stack trace", async () => {
    const error = await begun({
      command: "deploy",
      provider: { stage: "a_b" },
      param: ["slackWindow=soon", "slackWindw=1"],
      getAccountId: () => Promise.reject(Object.assign(new Error("none"), { code: "AWS_CREDENTIALS_NOT_FOUND" })),
    }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(FrameworkError);
    expect(error.message.split("\n")).toEqual([
      expect.stringContaining("Stage 'a_b' cannot be part of AWS's names"),
      "Parameter slackWindow is 'soon'; it takes whole seconds from 0 to 300.",
      expect.stringContaining("There is no parameter 'slackWindw'; there are salesforceEventSource, "),
      expect.stringContaining("Deploying needs the name of your Salesforce event source: copy it from"),
      expect.stringContaining("Deploying needs AWS credentials, and there are none: set AWS_PROFILE"),
    ]);
  });

  test.each([
    ["deploy", REAL_SOURCE],
    ["package", PLACEHOLDER],
    ["info", PLACEHOLDER],
  ])("%s is content with %s", async (command, salesforceEventSource) => {
    await expect(begun({ command, salesforceEventSource })).resolves.toBeUndefined();
  });

  test("may be a sentence of any part of the plugin", async () => {
    const functions = { notify: { events: [consumer("one"), consumer("two")] } };
    await expect(framework(functions).plugin.hooks.initialize?.()).rejects.toBeInstanceOf(FrameworkError);
  });

  test("a mistake in the plugin itself keeps its stack trace", async () => {
    await expect(framework({ notify: { events: [{ consumer: null }] } }).plugin.hooks.initialize?.()).rejects.toThrow(
      TypeError,
    );
  });
});

test("what AWS would refuse ends the packaging with a list", async () => {
  const Resources = { Thing: { Type: "AWS::SQS::Queue", Properties: { Colour: "red", VisibilityTimeout: 50_000 } } };
  const { plugin } = framework({}, { provider: { compiledCloudFormationTemplate: { Resources } } });
  await expect(plugin.hooks["before:aws:package:finalize:saveServiceState"]?.()).rejects.toThrow(
    /^Thing\.Colour is no property .*\nThing\.VisibilityTimeout is 50000, /,
  );
});

describe("the topic of the alarms", () => {
  const warned = (command: string, alarmTopicArn: string) => {
    const { plugin, warnings } = framework({}, { command, alarmTopicArn, salesforceEventSource: REAL_SOURCE });
    plugin.expand();
    return warnings;
  };

  test("is missed in one line at a deploy", () => {
    expect(warned("deploy", "")).toEqual([
      "Parameter alarmTopicArn is empty: the alarms change state and tell nobody. Pass --param='alarmTopicArn=arn:aws:sns:…'.",
    ]);
  });

  test.each([
    ["deploy", "arn:aws:sns:us-east-1:123456789012:alarms"],
    ["package", ""],
  ])("%s with '%s' says nothing", (command, topic) => {
    expect(warned(command, topic)).toEqual([]);
  });
});

describe("watching", () => {
  const finalized = async (functions: Record<string, Json>) => {
    const lambda = { Type: "AWS::Lambda::Function", Properties: { FunctionName: "fleet-test-notify", Timeout: 20 } };
    const provider = { compiledCloudFormationTemplate: { Resources: { NotifyLambdaFunction: lambda } } };
    const { plugin, serverless } = framework(functions, { provider, alarmTopicArn: "arn:topic" });
    await plugin.hooks.initialize?.();
    await plugin.hooks["before:package:finalize"]?.();
    return serverless.service.resources.Resources;
  };

  test("covers what the framework compiled and what the plugin added, in alarms and on the dashboard", async () => {
    const resources = await finalized({ notify: { events: [consumer("notices", { staleAfter: 900 })] } });
    expect(resources.NotifyErrorsAlarm.Properties.AlarmName).toBe("fleet-test-errors-notify");
    expect(resources.NoticesStaleAlarm.Properties).toMatchObject({ Threshold: 900, AlarmActions: ["arn:topic"] });
    const { DashboardName, DashboardBody } = resources.Dashboard.Properties;
    expect(DashboardName).toBe("fleet-test");
    expect(DashboardBody["Fn::Sub"]).toContain("NotifyLambdaFunction");
  });
});

describe("the shared role", () => {
  const role = { Type: "AWS::IAM::Role" };
  const finalize = async (Resources: Json) => {
    const provider = { compiledCloudFormationTemplate: { Resources } };
    await framework({}, { provider }).plugin.hooks["before:package:finalize"]?.();
    return Object.keys(Resources);
  };

  test("is dropped when every function has its own", async () => {
    const own = { Type: "AWS::Lambda::Function", Properties: { Role: { "Fn::GetAtt": ["OwnRole", "Arn"] } } };
    expect(await finalize({ IamRoleLambdaExecution: role, Fn: own })).toEqual(["Fn"]);
  });

  test.each([
    [
      "a function",
      { Type: "AWS::Lambda::Function", Properties: { Role: { "Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"] } } },
    ],
    ["a dependency", { Type: "AWS::SQS::Queue", DependsOn: ["IamRoleLambdaExecution"] }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it
    ["a text", { Properties: { Role: { "Fn::Sub": "arn:${IamRoleLambdaExecution.Arn}" } } }],
  ])("stays while %s uses it", async (_what, user) => {
    expect(await finalize({ IamRoleLambdaExecution: role, User: user })).toEqual(["IamRoleLambdaExecution", "User"]);
  });

  test("need not be there", async () => {
    expect(await finalize({})).toEqual([]);
  });
});

const TARGET = { EVENT_BUS_NAME: { Ref: "FleetBus" }, FLEET_STATE_TABLE: { Ref: "FleetStateTable" } };

describe("a function that reaches a system", () => {
  const reach = (salesforceEventSource: string) => {
    const functions: Json = { capture: { salesforceOrgs: true }, notify: {} };
    const { plugin, serverless } = framework(functions, { salesforceEventSource });
    plugin.expand();
    return { functions, resources: serverless.service.resources.Resources };
  };
  const other = "aws.partner/salesforce.com/00D000000000002EAA/0YL5f0000000002GAA";

  test("knows the organisations and may read their secrets; the others know nothing", () => {
    const { functions, resources } = reach(`${REAL_SOURCE},${other}`);
    expect(functions.capture.environment).toEqual({
      ...TARGET,
      SALESFORCE_ORGS: "00D5f0000000001EAA,00D000000000002EAA",
      SALESFORCE_SECRET_PREFIX: "fleet/test/salesforce/",
    });
    expect(JSON.stringify(functions.capture.iamRoleStatements)).toContain(":secret:fleet/test/salesforce/*");
    expect(JSON.stringify(functions.notify)).not.toContain("Salesforce");
    expect(resources).toHaveProperty("Salesforce00D000000000002EAABus");
  });

  test.each([{ connection: "stripe" }, { connection: "slack" }, { salesforceOrgs: true }])(
    "shares its breaker and budget: %j",
    (reaches) => {
      const functions: Json = { bill: reaches, upsert: {} };
      framework(functions, { salesforceEventSource: REAL_SOURCE }).plugin.expand();
      expect(functions.bill.environment).toMatchObject(TARGET);
      expect(functions.bill.iamRoleStatements).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ Resource: { "Fn::GetAtt": ["FleetStateTable", "Arn"] } }),
          expect.objectContaining({ Action: "events:PutEvents" }),
        ]),
      );
      expect(JSON.stringify(functions.upsert)).not.toContain("FleetState");
    },
  );

  test("can be packaged before the event source is known", () => {
    expect(reach(PLACEHOLDER).resources).toHaveProperty("SalesforceEXAMPLEBus");
  });
});
