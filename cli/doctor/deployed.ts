import { GetFunctionConfigurationCommand, LambdaClient, ResourceNotFoundException } from "@aws-sdk/client-lambda";
import { clientOptions } from "../endpoint.ts";
import type { Stack } from "../stack.ts";

/** A function that is told of every organisation. */
const TOLD = "salesforce-capture";

/** The organisations that the deployed functions are told of, connected or not; none when nothing is deployed. */
export async function deployedOrgs(stack: Stack): Promise<string[]> {
  const command = new GetFunctionConfigurationCommand({ FunctionName: stack.name(TOLD) });
  try {
    const { Environment } = await new LambdaClient(clientOptions()).send(command);
    return (Environment?.Variables?.SALESFORCE_ORGS ?? "").split(",").filter(Boolean);
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return [];
    throw error;
  }
}
