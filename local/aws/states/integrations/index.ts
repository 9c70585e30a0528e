import { ACCOUNT, REGION } from "../../kernel/names.ts";
import { sdkAction } from "./aws-sdk.ts";
import { deleteItem, getItem, putItem, updateItem } from "./dynamodb.ts";
import { putEvents } from "./events.ts";
import { directInvoke, invoke } from "./lambda.ts";
import { sendMessage } from "./sqs.ts";
import { startExecution } from "./states.ts";
import type { Action, Integration, Pattern, Resolver } from "./types.ts";

const OPTIMISED: Readonly<Record<string, Action>> = {
  "dynamodb:deleteItem": deleteItem,
  "dynamodb:getItem": getItem,
  "dynamodb:putItem": putItem,
  "dynamodb:updateItem": updateItem,
  "events:putEvents": putEvents,
  "lambda:invoke": invoke,
  "sqs:sendMessage": sendMessage,
  "states:startExecution": startExecution,
};

const FUNCTION_ARN = /^arn:aws:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?$/;
const INTEGRATION_ARN =
  /^arn:aws:states:([^:]*):([^:]*):(?:(aws-sdk):)?([^:.]+):([^:.]+)(?:\.(sync|sync:2|waitForTaskToken))?$/;

/**
 * Makes the function that understands a Task's resource.
 * https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
 * @param knows whether the twin implements an operation of a service
 */
export function createResolver(knows: (service: string, operation: string) => boolean): Resolver {
  return (resource) => {
    if (FUNCTION_ARN.test(resource)) return directFunction(resource);
    const match = INTEGRATION_ARN.exec(resource);
    if (!match) return "it is neither a function ARN nor an integration such as arn:aws:states:::lambda:invoke";
    const [, region, account, sdk, service = "", name = "", pattern = "request"] = match;
    if (service === "activity") return "the local twin has no activities";
    if ((region && region !== REGION) || (account && account !== ACCOUNT)) return "it is in another account or Region";
    const action = sdk ? sdkAction(service, name, knows) : optimised(service, name);
    if (typeof action === "string") return action;
    if (!action.patterns.includes(pattern as Pattern)) return `'${service}:${name}' cannot be used with '.${pattern}'`;
    return {
      ...action,
      pattern: pattern as Pattern,
      resourceType: sdk ? `aws-sdk:${service}` : service,
      resource: pattern === "request" ? name : `${name}.${pattern}`,
      subject: service,
    };
  };
}

function optimised(service: string, name: string): Action | string {
  const key = `${service}:${name}`;
  return OPTIMISED[key] ?? `the local twin has no integration with '${key}'`;
}

function directFunction(resource: string): Integration {
  return { ...directInvoke(resource), pattern: "request", resourceType: undefined, resource, subject: resource };
}
