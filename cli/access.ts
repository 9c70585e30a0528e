import { userInfo } from "node:os";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { createBreakers } from "#shared/targets/breakers.ts";
import { clientOptions, isLocal } from "./endpoint.ts";
import type { Stack } from "./stack.ts";

/** What commands reach of a fleet, with the person's own credentials. */
export function accessTo(stack: Stack) {
  const options = clientOptions();
  const dynamo = new DynamoDBClient(options);
  return {
    options,
    dynamo,
    sqs: new SQSClient(options),
    events: new EventBridgeClient(options),
    parked: createParkedTable(stack.name("parked"), dynamo),
    store: createCustomerStore(stack.name("customers"), dynamo),
    behind: createBehind(stack.name("customers"), { client: dynamo }),
    breakers: createBreakers(stack.name("fleet-state"), { client: dynamo }),
  };
}

export type Access = ReturnType<typeof accessTo>;

/** Who asks, for what keeps it: the name that AWS knows the caller by, on this machine the person's own. */
export async function whoAsks(options: object): Promise<string> {
  if (isLocal()) return `cli:${userInfo().username}`;
  const { Arn = "" } = await new STSClient(options).send(new GetCallerIdentityCommand({}));
  return `cli:${Arn.split(":").slice(5).join(":")}`;
}
