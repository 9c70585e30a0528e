import { describe, expect, test } from "@jest/globals";
import { refusalsOf } from "./refusals.ts";

// biome-ignore lint/suspicious/noExplicitAny: a template is plain JSON here
type Json = any;

const arnOf = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });

/** A template that AWS takes, with something of every kind that the table below breaks. */
const whole = (): Json => ({
  Conditions: { HasTopic: { "Fn::Equals": ["a", "b"] } },
  Resources: {
    Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: "notices", VisibilityTimeout: "360" } },
    Rule: {
      Type: "AWS::Events::Rule",
      DependsOn: "Queue",
      Condition: "HasTopic",
      Properties: {
        EventPattern: { source: ["fleet"] },
        State: "ENABLED",
        Targets: [{ Id: "queue", Arn: arnOf("Queue"), InputTransformer: { InputTemplate: "<a>" } }],
      },
    },
    Alarm: {
      Type: "AWS::CloudWatch::Alarm",
      Properties: {
        ...{ ComparisonOperator: "GreaterThanThreshold", EvaluationPeriods: 1, Threshold: 0.5, Period: 300 },
        ...{ MetricName: "Errors", Namespace: "AWS/Lambda", Statistic: "Sum" },
        AlarmActions: { "Fn::If": ["HasTopic", ["arn:topic"], { Ref: "AWS::NoValue" }] },
      },
    },
    Role: { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument: {}, Tags: [{ Key: "a", Value: 1 }] } },
    Machine: {
      Type: "AWS::StepFunctions::StateMachine",
      Properties: {
        RoleArn: arnOf("Role"),
        StateMachineType: "EXPRESS",
        DefinitionSubstitutions: { QueueUrl: { Ref: "Queue" } },
        Definition: {
          QueryLanguage: "JSONata",
          StartAt: "Send",
          States: {
            Send: {
              Type: "Task",
              Resource: "arn:aws:states:::sqs:sendMessage",
              // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it
              Arguments: { QueueUrl: "${QueueUrl}", MessageBody: "{% $states.input.body %}" },
              TimeoutSeconds: 5,
              Retry: [{ ErrorEquals: ["SQS.Busy"], MaxAttempts: 2 }, { ErrorEquals: ["States.ALL"] }],
              Next: "Done",
            },
            Done: { Type: "Succeed" },
          },
        },
      },
    },
  },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it
  Outputs: { Queue: { Value: { "Fn::Sub": ["${Queue.QueueName} in ${AWS::Region} ${own}", { own: "x" }] } } },
});

test("what is right is told nothing of", async () => {
  await expect(refusalsOf(whole())).resolves.toEqual([]);
});

describe("what AWS would refuse is told with its logical id, its property and what to do", () => {
  test.each<[string, (resources: Json) => unknown, string | RegExp]>([
    [
      "an unknown type",
      ({ Queue }) => Object.assign(Queue, { Type: "AWS::SQS::Queu" }),
      "Queue.Type is 'AWS::SQS::Queu', which is no resource of AWS: correct its name.",
    ],
    [
      "an unknown property",
      ({ Queue }) => Object.assign(Queue.Properties, { Visibility: 1 }),
      /^Queue\.Visibility is no property of AWS::SQS::Queue: remove it, or write one of .*VisibilityTimeout/,
    ],
    [
      "an unknown property of a member",
      ({ Rule }) => Object.assign(Rule.Properties.Targets[0], { Name: "queue" }),
      /^Rule\.Targets\.0\.Name is no property of AWS::Events::Rule Target: remove it, or write one of .*Id/,
    ],
    [
      "a required property that is missing",
      ({ Role }) => delete Role.Properties.AssumeRolePolicyDocument,
      "Role.AssumeRolePolicyDocument is missing: AWS::IAM::Role requires it, add it.",
    ],
    [
      "a required member that is missing",
      ({ Rule }) => delete Rule.Properties.Targets[0].Id,
      "Rule.Targets.0.Id is missing: AWS::Events::Rule Target requires it, add it.",
    ],
    [
      "a text in place of a number",
      ({ Queue }) => Object.assign(Queue.Properties, { VisibilityTimeout: "soon" }),
      "Queue.VisibilityTimeout is 'soon': write a whole number.",
    ],
    [
      "a fraction in place of a whole number",
      ({ Alarm }) => Object.assign(Alarm.Properties, { EvaluationPeriods: 1.5 }),
      "Alarm.EvaluationPeriods is 1.5: write a whole number.",
    ],
    [
      "an object in place of a list",
      ({ Rule }) => Object.assign(Rule.Properties, { Targets: { Id: "queue" } }),
      'Rule.Targets is {"Id":"queue"}: write a list.',
    ],
    [
      "a list in place of a text",
      ({ Queue }) => Object.assign(Queue.Properties, { QueueName: ["notices"] }),
      'Queue.QueueName is ["notices"]: write a text.',
    ],
    [
      "a value that is none of those allowed",
      ({ Machine }) => Object.assign(Machine.Properties, { StateMachineType: "FAST" }),
      "Machine.StateMachineType is 'FAST': write one of STANDARD, EXPRESS.",
    ],
    [
      "a policy that CloudFormation does not know",
      ({ Queue }) => Object.assign(Queue, { DeletionPolicy: "Keep" }),
      "Queue.DeletionPolicy is 'Keep': write one of Delete, Retain, RetainExceptOnCreate, Snapshot.",
    ],
    [
      "a property in the wrong place",
      ({ Queue }) => Object.assign(Queue, { QueueName: "notices" }),
      "Queue has 'QueueName' beside its properties: remove it, or move it below Properties.",
    ],
    [
      "an over-long name",
      ({ Queue }) => Object.assign(Queue.Properties, { QueueName: "n".repeat(81) }),
      /^Queue\.QueueName has 81 characters, 80 are allowed: shorten it, .*\(https:\/\/docs\.aws\.amazon\.com\//,
    ],
    [
      "a reference to nothing",
      ({ Rule }) => Object.assign(Rule.Properties.Targets[0], { Arn: arnOf("Queu") }),
      "Rule.Targets.0.Arn names 'Queu', which is not in the template: correct the name, or add it.",
    ],
    [
      "an attribute that the other resource does not have",
      ({ Rule }) => Object.assign(Rule.Properties.Targets[0], { Arn: { "Fn::GetAtt": "Queue.Url" } }),
      "Rule.Targets.0.Arn asks Queue for 'Url', which no AWS::SQS::Queue has: write one of Arn, QueueName, QueueUrl.",
    ],
    [
      "a dependency on nothing",
      ({ Rule }) => Object.assign(Rule, { DependsOn: ["Policy"] }),
      "Rule.DependsOn names 'Policy', which is not in the template: correct the name, or add it.",
    ],
    [
      "a condition that is not there",
      ({ Rule }) => Object.assign(Rule, { Condition: "HasBus" }),
      "Rule.Condition asks for the condition 'HasBus', which is not in the template: add it.",
    ],
    [
      "resources that wait for each other",
      ({ Queue }) => Object.assign(Queue, { DependsOn: "Rule" }),
      "Queue, Rule wait for each other in a circle: take out a DependsOn or a reference.",
    ],
  ])("%s", async (_what, breakIt, sentence) => {
    const template = whole();
    delete template.Resources.Machine.Properties.Definition;
    breakIt(template.Resources);
    await expect(refusalsOf(template)).resolves.toEqual([
      typeof sentence === "string" ? sentence : expect.stringMatching(sentence),
    ]);
  });

  test("everything at once", async () => {
    const template = whole();
    Object.assign(template.Resources.Queue.Properties, { Colour: "red", QueueName: "n".repeat(81) });
    template.Resources.Machine.Properties.Definition.StartAt = "Nowhere";
    const told = await refusalsOf(template);
    for (const place of ["Queue.Colour ", "Queue.QueueName ", "Machine.Definition: "])
      expect(told).toContainEqual(expect.stringContaining(place));
  });
});

test("what is filled in later, or is of the wrong shape altogether, is no mistake of the checks", async () => {
  const template = whole();
  const { Role, Alarm, Machine } = template.Resources;
  Object.assign(Role.Properties, { Policies: { "Fn::If": ["HasTopic", [], []] } });
  Object.assign(Alarm.Properties, { Metrics: { Ref: "AWS::NoValue" } });
  await expect(refusalsOf(template)).resolves.toEqual([]);
  Object.assign(Role.Properties, { Policies: "all" });
  Machine.Properties.Definition.States.Send = null;
  expect(await refusalsOf(template)).toEqual([
    "Role.Policies is 'all': write a list.",
    expect.stringContaining("Machine.Definition is no JSON of a machine with states: correct"),
  ]);
});

describe("what Step Functions would refuse is told with the machine and the state", () => {
  test.each<[string, (states: Json, machine: Json) => unknown, string]>([
    [
      "a state that is not there",
      ({ Send }) => Object.assign(Send, { Next: "Nowhere" }),
      "Machine.Definition: Missing 'StartAt'|'Next'|'Default' target: Nowhere",
    ],
    [
      "a state that nothing leads to",
      (states) => Object.assign(states, { Lonely: { Type: "Succeed" } }),
      "Machine.Definition: State Lonely is not reachable",
    ],
    [
      "a state without an end",
      ({ Send }) => delete Send.Next,
      'Machine.Definition: State "Send" MUST contain exactly one of "End", "Next"',
    ],
    [
      "an unknown type of state",
      ({ Send }) => Object.assign(Send, { Type: "Tusk" }),
      "Machine.Definition.States.Send.Type does not fit the States Language as 'Tusk'",
    ],
    [
      "an unknown member",
      ({ Send }) => Object.assign(Send, { Colour: "red" }),
      "Machine.Definition.States.Send does not fit the States Language by its Colour",
    ],
    [
      "a number that cannot be",
      ({ Send }) => Object.assign(Send, { TimeoutSeconds: -1 }),
      "Machine.Definition.States.Send.TimeoutSeconds does not fit the States Language as -1",
    ],
    [
      "an expression that is no JSONata",
      ({ Send }) => Object.assign(Send.Arguments, { MessageBody: "{% $f( %}" }),
      "Machine.Definition.States.Send.Arguments.MessageBody does not fit the States Language as '{% $f( %}'",
    ],
    [
      "States.ALL before others",
      ({ Send }) => Send.Retry.reverse(),
      "Machine.Definition: the state 'Send' names States.ALL, which must stand last and alone",
    ],
    [
      "a state that leads out of its map",
      (states) => {
        const Inner = { Type: "Pass", Next: "Done" };
        const ItemProcessor = { StartAt: "Inner", States: { Inner, End: { Type: "Succeed" } } };
        Object.assign(states, { Each: { Type: "Map", ItemProcessor, Next: "Done" } });
        Object.assign(states.Send, { Next: "Each" });
      },
      "Machine.Definition: the state 'Inner' leads to 'Done', which is not beside it",
    ],
    [
      "a state that only a STANDARD machine can have",
      ({ Send }) => Object.assign(Send, { Resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken" }),
      "Machine.Definition: the state 'Send' is one that an EXPRESS machine cannot have",
    ],
    [
      "a substitution that nothing fills",
      (_states, machine) => delete machine.DefinitionSubstitutions.QueueUrl,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it
      "Machine.Definition has ${QueueUrl}, which nothing fills: add QueueUrl to DefinitionSubstitutions.",
    ],
  ])("%s", async (_what, breakIt, sentence) => {
    const template = whole();
    const machine = template.Resources.Machine.Properties;
    breakIt(machine.Definition.States, machine);
    expect(await refusalsOf(template)).toContainEqual(expect.stringContaining(sentence));
  });

  test("a text that is no JSON", async () => {
    const template = whole();
    const machine = template.Resources.Machine.Properties;
    delete machine.Definition;
    machine.DefinitionString = "{";
    expect(await refusalsOf(template)).toEqual([
      expect.stringContaining("Machine.DefinitionString is no JSON of a machine with states: correct"),
    ]);
  });
});
