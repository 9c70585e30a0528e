import { parseArgs } from "node:util";
import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { clientOptions } from "../endpoint.ts";
import { chooseOrgs, type Stack, stackOf } from "../stack.ts";
import { painter } from "../trace/render.ts";
import { orgOf, type Work } from "../usage.ts";
import { deployedOrgs } from "./deployed.ts";
import { renderReports } from "./render.ts";

export const summary = "checks every connection, and each field that is read or written";
export const help = `Checks the connection to every Salesforce organisation, to Stripe and to Slack,
and says what to do about what is missing or wrong: of an organisation secret,
login, API version, every field that the fleet reads or writes, and the daily
API calls; of Stripe and Slack whether they take the credentials. Changes
nothing.

usage: fleet doctor [options]

  --org <id>    this organisation alone, 15 or 18 characters
  --stage <s>   stage of the fleet; default: the local fleet while it runs, else
                dev
  --json        the findings as JSON

Reads the secrets of the fleet: the local one while it runs here, else with your
AWS credentials, which need secretsmanager:ListSecrets,
secretsmanager:GetSecretValue and lambda:GetFunctionConfiguration, which tells
the organisations. AWS_ENDPOINT_URL overrides.
Exit codes: 0 all is well, 1 something is not, 2 wrong usage.`;

const TARGETS = ["stripe", "slack"] as const;

/** Reads the arguments of `fleet doctor`. */
export function prepare(args: string[]): Work {
  const { values } = parseArgs({
    args,
    options: { org: { type: "string" }, stage: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const org = orgOf(values.org);
  return () => examine(stackOf(values.stage), org, values.json);
}

async function examine(stack: Stack, org: string | undefined, json: boolean): Promise<number> {
  const client = new SecretsManagerClient(clientOptions());
  const orgs = await chooseOrgs(stack, org, client, await deployedOrgs(stack));
  const provider = new SecretsProvider({ awsSdkV3Client: client });
  // Loaded here, because the other commands need nothing of it.
  const { examineOrg, examineTarget, isWell } = await import("./examine.ts");
  const readSecret = (id: string, options: { maxAge: number; forceFetch: boolean }) => provider.get(id, options);
  const command = (what: string) => `npx fleet connect ${what} --stage ${stack.stage}`;
  const reports = await Promise.all([
    ...orgs.map((orgId) => examineOrg(orgId, stack.secret(orgId), readSecret, command(`salesforce --org ${orgId}`))),
    ...(org ? [] : TARGETS).map((system) => examineTarget(system, stack.secretOf(system), readSecret, command(system))),
  ]);
  console.log(json ? JSON.stringify(reports, null, 2) : renderReports(reports, painter(process.stdout)));
  return reports.every(({ checks }) => isWell(checks)) ? 0 : 1;
}
