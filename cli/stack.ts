import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type System, secretName } from "./connect/names.ts";
import { clientOptions, isLocal } from "./endpoint.ts";
import { UsageError } from "./usage.ts";

const SERVICE = "connector-fleet";

/** The names of one deployed fleet. */
export interface Stack {
  readonly stage: string;
  /** Name of the fleet bus. */
  readonly bus: string;
  /** Name of a table or state machine, such as `customers`. */
  name(resource: string): string;
  /** Name of the service. */
  readonly service: string;
  /** Name of the secret that connects to a Salesforce organisation. */
  secret(orgId: string): string;
  /** Name of the secret that connects to Stripe or Slack; of Salesforce, what the names of its secrets begin with. */
  secretOf(system: System): string;
  /** What the names of all its secrets begin with. */
  readonly secretPrefix: string;
  /** Namespace of the metrics of its functions, as `serverless.yml` names it. */
  readonly metrics: string;
}

/** The fleet of a stage; without one, the fleet on this machine when there is one, else `dev`, as `deploy` has it. */
export function stackOf(stage: string | undefined): Stack {
  const chosen = stage ?? (isLocal() ? "local" : "dev");
  const bus = `${SERVICE}-${chosen}`;
  return {
    stage: chosen,
    bus,
    name: (resource) => `${bus}-${resource}`,
    service: SERVICE,
    secret: (orgId) => secretName(SERVICE, chosen, "salesforce", orgId),
    secretOf: (system) => secretName(SERVICE, chosen, system),
    secretPrefix: `${SERVICE}/${chosen}/`,
    metrics: `ConnectorFleet/${chosen}`,
  };
}

/** Ids of the organisations that a fleet is connected to, by the names of its secrets. */
async function orgsOf(stack: Stack, client = new SecretsManagerClient(clientOptions())): Promise<string[]> {
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
 * The organisations that a command works on: the one that `--org` names, or all.
 * @param more organisations beside those that are connected
 * @throws UsageError when it names none
 * @throws Error when there is none at all
 */
export async function chooseOrgs(
  stack: Stack,
  given: string | undefined,
  client?: SecretsManagerClient,
  more: readonly string[] = [],
): Promise<string[]> {
  const orgs = [...new Set([...(await orgsOf(stack, client)), ...more])];
  if (orgs.length === 0)
    throw new Error(
      `stage '${stack.stage}' is connected to no Salesforce organisation; connect one with ` +
        `'npx fleet connect salesforce --stage ${stack.stage}', or give another --stage`,
    );
  if (given === undefined) return orgs;
  const found = orgs.filter((org) => org.slice(0, 15) === given.slice(0, 15));
  if (found.length === 0) throw new UsageError(`organisation '${given}' is none of: ${orgs.join(", ")}`);
  return found;
}

/**
 * The organisation that `--org` names; it may be left out while there is only one.
 * @throws UsageError when it names none, or there is more than one to choose from
 * @throws Error when there is none at all
 */
export async function chooseOrg(stack: Stack, given: string | undefined): Promise<string> {
  const [first = "", ...others] = await chooseOrgs(stack, given);
  if (others.length > 0) throw new UsageError(`give --org, one of: ${[first, ...others].join(", ")}`);
  return first;
}
