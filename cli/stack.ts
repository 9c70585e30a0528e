import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { clientOptions, localFleet } from "./endpoint.ts";
import { UsageError } from "./usage.ts";

const SERVICE = "connector-fleet";

/** The names of one deployed fleet. */
export interface Stack {
  readonly stage: string;
  /** Name of the fleet bus. */
  readonly bus: string;
  /** Name of a table or state machine, such as `customers`. */
  name(resource: string): string;
  /** Name of the secret that connects to a Salesforce organisation. */
  secret(orgId: string): string;
}

/** The fleet of a stage; without one, the local fleet while it runs, else `dev`, as `deploy` has it. */
export function stackOf(stage: string | undefined): Stack {
  const chosen = stage ?? (localFleet() && !process.env.AWS_ENDPOINT_URL ? "local" : "dev");
  const bus = `${SERVICE}-${chosen}`;
  return {
    stage: chosen,
    bus,
    name: (resource) => `${bus}-${resource}`,
    secret: (orgId) => `${SERVICE}/${chosen}/salesforce/${orgId}`,
  };
}

/** Ids of the organisations that a fleet is connected to, by the names of its secrets. */
export async function orgsOf(stack: Stack, client = new SecretsManagerClient(clientOptions())): Promise<string[]> {
  const prefix = stack.secret("");
  const ids: string[] = [];
  let NextToken: string | undefined;
  do {
    const command = new ListSecretsCommand({ Filters: [{ Key: "name", Values: [prefix] }], NextToken });
    const page = await client.send(command);
    for (const { Name = "" } of page.SecretList ?? []) if (Name.startsWith(prefix)) ids.push(Name.slice(prefix.length));
    NextToken = page.NextToken;
  } while (NextToken);
  return ids;
}

/**
 * The organisation that `--org` names; it may be left out while there is only one.
 * @throws UsageError when there is none, or more than one to choose from
 */
export async function chooseOrg(stack: Stack, given: string | undefined): Promise<string> {
  const orgs = await orgsOf(stack);
  if (orgs.length === 0) throw new UsageError(`stage '${stack.stage}' is connected to no Salesforce organisation`);
  if (given === undefined && orgs.length > 1) throw new UsageError(`give --org, one of: ${orgs.join(", ")}`);
  const found = given === undefined ? orgs[0] : orgs.find((org) => org === given || org.startsWith(given));
  if (!found) throw new UsageError(`organisation '${given}' is none of: ${orgs.join(", ")}`);
  return found;
}
