import { expect, test } from "@jest/globals";
import { createIam, createIdentities } from "../iam/index.ts";
import { defaultServices } from "../services.ts";
import { testKernel } from "../testing.ts";
import { changedProperties, isTold, replacing } from "./replacement.ts";

test("every type that the twin makes is told which properties replace it", () => {
  const kernel = testKernel();
  kernel.register(createIam(createIdentities()));
  for (const create of defaultServices) kernel.register(create(kernel, { artifacts: "" }));
  const types = kernel.services().flatMap(({ resources = [] }) => resources.map(({ type }) => type));
  const refused = /StateMachine(Version|Alias)$/;
  expect(types.filter((type) => !isTold(type) && !refused.test(type))).toEqual([]);
});

test.each([
  ["AWS::SQS::Queue", { QueueName: "a", DelaySeconds: 1 }, { QueueName: "a", DelaySeconds: 2 }, []],
  ["AWS::SQS::Queue", { DelaySeconds: 1 }, { QueueName: "b", DelaySeconds: 2 }, ["QueueName"]],
  ["AWS::Lambda::Permission", { Action: "a" }, { Action: "b" }, ["Action"]],
  ["AWS::Lambda::Permission", { Action: "a" }, { Action: "a" }, []],
  ["AWS::StepFunctions::StateMachine", { Definition: { a: 1 } }, { Definition: { a: 2 } }, []],
])("%s from %j to %j is replaced for %j", (type, before, after, expected) => {
  expect(replacing(type, changedProperties(before, after))).toEqual(expected);
});
