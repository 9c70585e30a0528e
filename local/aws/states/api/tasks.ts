import type { Operation } from "../../kernel/service.ts";
import { StateError } from "../errors.ts";
import type { StatesContext } from "../service.ts";
import { checkTaskOutput, requiredString } from "./input.ts";

/** The answers to task tokens. https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token */
export function taskOperations({ tokens, executions, mapRuns }: StatesContext): Record<string, Operation> {
  const task = (input: Record<string, unknown>) =>
    tokens.find(
      requiredString(input, "taskToken"),
      (arn) => (executions.find(arn) ?? mapRuns.endedChild(arn)) !== undefined,
    );
  // These actions have no resource of their own: a policy names them with '*'.
  const access = (operation: string) => () => [{ action: `states:${operation}`, resource: "*" }];
  return {
    SendTaskSuccess: {
      access: access("SendTaskSuccess"),
      run: (input) => {
        const output = checkTaskOutput(requiredString(input, "output"));
        task(input).succeed(output);
        return {};
      },
    },
    SendTaskFailure: {
      access: access("SendTaskFailure"),
      run: (input) => {
        task(input).fail(new StateError(input.error, input.cause));
        return {};
      },
    },
    SendTaskHeartbeat: {
      access: access("SendTaskHeartbeat"),
      run: (input) => {
        task(input).beat();
        return {};
      },
    },
  };
}
