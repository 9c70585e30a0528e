import { describe, expect, test } from "@jest/globals";
import type { Service } from "../kernel/service.ts";
import { rememberedExecutions } from "./index.ts";
import { type Bench, bench, fakeLambda, INVOKE, only, until } from "./testing.ts";

/** Stops a twin and starts another from its snapshot, as written to disk and read again. */
async function restart(before: Bench, services: readonly Service[] = [], scale = 1000): Promise<Bench> {
  await before.states.stop?.();
  const state = JSON.parse(JSON.stringify(before.states.snapshot?.()));
  const after = bench(services, { scale });
  await after.states.restore?.(state);
  await after.states.start?.();
  return after;
}

describe("restart", () => {
  test("finished executions keep their history, machines their tags; EXPRESS is forgotten", async () => {
    const before = bench();
    const done = await before.run(only({ Type: "Pass" }), { a: 1 }, { tags: [{ key: "k", value: "v" }] });
    await before.sync(only({ Type: "Pass" }));
    const after = await restart(before);
    expect(await after.api("DescribeExecution", { executionArn: done.executionArn })).toEqual(done);
    expect(after.types(done.executionArn)).toEqual(before.types(done.executionArn));
    const { tags } = await after.api("ListTagsForResource", { resourceArn: done.stateMachineArn });
    expect(tags).toEqual([{ key: "k", value: "v" }]);
    expect((await after.api("ListStateMachines")).stateMachines).toHaveLength(2);
  });

  test("an EXPRESS execution that runs is lost, and whoever waits for it is told", async () => {
    const before = bench([], { scale: 1 });
    const stateMachineArn = await before.machine(only({ Type: "Wait", Seconds: 100 }), { type: "EXPRESS" });
    const running = before.api("StartSyncExecution", { stateMachineArn });
    await until(() => rememberedExecutions(before.states)[0]?.events.at(-1)?.type === "WaitStateEntered");
    const after = await restart(before);
    expect(await running).toMatchObject({ status: "FAILED", error: "States.Runtime" });
    expect(rememberedExecutions(after.states)).toEqual([]);
  });

  test("a running one goes on at the state it had entered, with variables and finished branches", async () => {
    const calls: string[] = [];
    const lambda = fakeLambda((_payload, name) => {
      calls.push(name);
      return name;
    });
    const before = bench([lambda], { scale: 1 });
    const stateMachineArn = await before.machine({
      StartAt: "Set",
      States: {
        Set: { Type: "Pass", Assign: { kept: "yes" }, Next: "Both" },
        Both: {
          Type: "Parallel",
          Branches: [
            only(
              {
                Type: "Task",
                Resource: INVOKE,
                Arguments: { FunctionName: "once" },
                Output: "{% $states.result.Payload %}",
              },
              "Call",
            ),
            only({ Type: "Wait", Seconds: 100, Output: "{% $kept %}" }, "Pause"),
          ],
          End: true,
        },
      },
    });
    const { executionArn } = await before.api("StartExecution", { stateMachineArn });
    await until(() => before.types(executionArn).includes("TaskStateExited"));
    await until(() => before.types(executionArn).includes("WaitStateEntered"));
    const after = await restart(before, [lambda]);
    expect(await after.ended(executionArn)).toMatchObject({ status: "SUCCEEDED", output: '["once","yes"]' });
    expect(calls).toEqual(["once"]);
    expect(after.types(executionArn).filter((type) => type === "WaitStateEntered")).toHaveLength(1);
    const ids = after.history(executionArn).map(({ id }) => id);
    expect(ids).toEqual(ids.map((_, index) => index + 1));
  });

  test("a task token handed out before still counts", async () => {
    const tokens: string[] = [];
    const lambda = fakeLambda(({ token }) => {
      tokens.push(token);
    });
    const before = bench([lambda]);
    const ask = {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
      Arguments: { FunctionName: "ask", Payload: { token: "{% $states.context.Task.Token %}" } },
    };
    const stateMachineArn = await before.machine(only(ask));
    const { executionArn } = await before.api("StartExecution", { stateMachineArn });
    await until(() => before.types(executionArn).includes("TaskSubmitted"));
    const after = await restart(before, [lambda]);
    const [taskToken] = tokens;
    const answered = () =>
      after.api("SendTaskSuccess", { taskToken, output: '"approved"' }).then(
        () => true,
        () => false,
      );
    while (!(await answered())) await new Promise((resolve) => setImmediate(resolve));
    expect(await after.ended(executionArn)).toMatchObject({ status: "SUCCEEDED", output: '"approved"' });
    expect(tokens).toHaveLength(1);
  });

  test("a parent goes on waiting for the child it had started", async () => {
    const before = bench([], { scale: 1 });
    const child = await before.machine(only({ Type: "Wait", Seconds: 100 }));
    const wait = {
      Type: "Task",
      Resource: "arn:aws:states:::states:startExecution.sync:2",
      Arguments: { StateMachineArn: child, Input: { a: 1 } },
    };
    const stateMachineArn = await before.machine(only(wait));
    const { executionArn } = await before.api("StartExecution", { stateMachineArn });
    await until(() => before.types(executionArn).includes("TaskSubmitted"));
    const after = await restart(before);
    const result = await after.ended(executionArn);
    expect(JSON.parse(result.output)).toMatchObject({ Status: "SUCCEEDED", Output: { a: 1 } });
    expect((await after.api("ListExecutions", { stateMachineArn: child })).executions).toHaveLength(1);
  });
});
