import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { expect, test } from "@jest/globals";
import { AWS_ATTEMPTS, awsClient } from "./aws.ts";
import { serve } from "./testing/server.ts";

test("a call to AWS that is not answered ends after its attempts, each of which ends by itself", async () => {
  // As the template has it.
  process.env.AWS_MAX_ATTEMPTS = String(AWS_ATTEMPTS);
  await using silent = await serve(() => "hang");
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = awsClient(new DynamoDBClient({ endpoint: silent.url, region: "eu-central-1", credentials }), 50);
  // On a busy machine an attempt may end before the server has seen it.
  const failure = { name: "TimeoutError", $metadata: { attempts: AWS_ATTEMPTS } };
  await expect(client.send(new ListTablesCommand({}))).rejects.toMatchObject(failure);
  client.destroy();
});
