import { describe, expect, test } from "@jest/globals";
import type { Provisioned } from "../kernel/service.ts";
import { bench, only, ROLE } from "./testing.ts";

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-stepfunctions-statemachine.html
const placeholder = (name: string) => `$\{${name}}`;
const definition = {
  QueryLanguage: "JSONata",
  ...only({ Type: "Pass", Output: `${placeholder("Greeting")} ${placeholder("Count")}` }),
};

function provider(type = "AWS::StepFunctions::StateMachine") {
  const self = bench();
  const found = self.states.resources?.find((candidate) => candidate.type === type);
  const create = async (properties: Record<string, unknown>): Promise<Provisioned> => {
    if (!found) throw new Error(`no provider for ${type}`);
    return found.create({ logicalId: "Flow", type, properties, stackName: "app-dev", artifacts: "" });
  };
  return { ...self, create };
}
const base = { RoleArn: ROLE, StateMachineName: "flow", DefinitionSubstitutions: { Greeting: 'say "hi"', Count: 2 } };

describe("AWS::StepFunctions::StateMachine", () => {
  test("becomes a machine with its substitutions, logging, tracing and tags", async () => {
    const { create, api } = provider();
    const { ref, attributes } = await create({
      ...base,
      Definition: definition,
      StateMachineType: "EXPRESS",
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: {
        Level: "ERROR",
        IncludeExecutionData: "false",
        Destinations: [
          { CloudWatchLogsLogGroup: { LogGroupArn: "arn:aws:logs:us-east-1:123456789012:log-group:g:*" } },
        ],
      },
      Tags: [{ Key: "a", Value: "b" }],
    });
    expect(attributes).toMatchObject({ Arn: ref, Name: "flow", StateMachineRevisionId: expect.any(String) });
    expect(await api("StartSyncExecution", { stateMachineArn: ref })).toMatchObject({ output: '"say \\"hi\\" 2"' });
    expect(await api("DescribeStateMachine", { stateMachineArn: ref })).toMatchObject({
      type: "EXPRESS",
      loggingConfiguration: { level: "ERROR", includeExecutionData: false },
      tracingConfiguration: { enabled: true },
    });
    expect(await api("ListTagsForResource", { resourceArn: ref })).toEqual({ tags: [{ key: "a", value: "b" }] });
  });

  test("DefinitionString is substituted as text", async () => {
    const { create, api } = provider();
    const text = JSON.stringify(definition).replace(/"\$\{Greeting\} (\$\{Count\})"/, "$1");
    const { ref } = await create({ ...base, DefinitionString: text });
    expect(
      JSON.parse((await api("DescribeStateMachine", { stateMachineArn: ref })).definition).States.Only.Output,
    ).toBe(2);
  });

  test("a second boot updates the machine of the same name, or replaces it when its type changes", async () => {
    const { create, api } = provider();
    const first = await create({ ...base, Definition: definition });
    const second = await create({ ...base, Definition: { ...definition, Comment: "new" } });
    expect(second.ref).toBe(first.ref);
    expect(await api("DescribeStateMachine", { stateMachineArn: first.ref })).toMatchObject({ description: "new" });
    await create({ ...base, Definition: definition, StateMachineType: "EXPRESS" });
    expect(await api("DescribeStateMachine", { stateMachineArn: first.ref })).toMatchObject({ type: "EXPRESS" });
  });

  test("without a name it has the same generated one at every boot", async () => {
    const { StateMachineName: _, ...unnamed } = { ...base, Definition: definition };
    const first = await provider().create(unnamed);
    expect(first.attributes.Name).toMatch(/^Flow-[0-9a-f]{12}$/);
    expect((await provider().create(unnamed)).ref).toBe(first.ref);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["no definition", {}, "Flow: Definition: give either Definition or DefinitionString"],
    [
      "two definitions",
      { Definition: definition, DefinitionString: "{}" },
      "give either Definition or DefinitionString",
    ],
    [
      "a placeholder without value",
      { Definition: definition, DefinitionSubstitutions: { Greeting: "x" } },
      `no value for the placeholder ${placeholder("Count")}`,
    ],
    ["a bad definition", { DefinitionString: "{}" }, "Flow: Properties: Invalid State Machine Definition: "],
    [
      "unknown logging",
      { Definition: definition, LoggingConfiguration: { Colour: 1 } },
      "Flow: LoggingConfiguration.Colour: this property is not known",
    ],
    ["no role", { Definition: definition, RoleArn: undefined }, "roleArn"],
  ])("%s stops the boot", async (_name, properties, problem) => {
    await expect(provider().create({ ...base, ...properties })).rejects.toThrow(problem);
  });

  test("versions and aliases stop the boot", async () => {
    await expect(provider("AWS::StepFunctions::StateMachineVersion").create({})).rejects.toThrow("has no versions");
    await expect(provider("AWS::StepFunctions::StateMachineAlias").create({})).rejects.toThrow("has no aliases");
  });
});
