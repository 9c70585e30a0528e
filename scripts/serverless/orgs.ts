import { salesforcePrefix, secretName } from "../../cli/connect/names.ts";
import { toLongId } from "../../functions/salesforce/org/ids.ts";

/** A Salesforce organisation that the fleet is connected to. */
export interface Org {
  /** 18 characters. */
  readonly orgId: string;
  /** Name of its partner event source, which is also the name of its bus. */
  readonly eventSource: string;
}

/** Stands in the default parameter until the real name is known. */
export const PLACEHOLDER = "aws.partner/salesforce.com/EXAMPLE/EXAMPLE";

const RELAY = /^aws\.partner\/salesforce\.com\/([a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?)\/[a-zA-Z0-9]+$/;
const APPFLOW = /^(00D[a-zA-Z0-9]{12}(?:[a-zA-Z0-9]{3})?)=(aws\.partner\/appflow.*\/salesforce\.com\/.+)$/;

/**
 * Reads the parameter `salesforceEventSource`: one name or several, with commas between. Event Relay's names say which
 * organisation they are of; AppFlow's do not, so such a name follows the organisation's id and `=`, and only the first
 * organisation can have one, because its events name no organisation either.
 * @throws Error of one sentence for a name that is none
 */
export function parseOrgs(parameter: string): readonly Org[] {
  const orgs = parameter.split(",").map((entry, index) => parseOrg(entry.trim(), index));
  for (const [index, { orgId }] of orgs.entries())
    if (orgs.findIndex((org) => org.orgId === orgId) !== index)
      throw new Error(
        `Parameter salesforceEventSource names the organisation ${orgId} twice; one event source is enough.`,
      );
  return orgs;
}

function parseOrg(entry: string, index: number): Org {
  if (entry === PLACEHOLDER) return { orgId: "EXAMPLE", eventSource: PLACEHOLDER };
  const relayed = RELAY.exec(entry)?.[1];
  if (relayed) return { orgId: toLongId(relayed), eventSource: entry };
  const [, orgId, eventSource] = APPFLOW.exec(entry) ?? [];
  if (!orgId || !eventSource)
    throw new Error(
      `Parameter salesforceEventSource has '${entry}'; write aws.partner/salesforce.com/<organisation>/<channel> as Event ` +
        "Relay shows it, or <organisation>=aws.partner/appflow/salesforce.com/<account>/<name>.",
    );
  if (index > 0)
    throw new Error("AppFlow's events do not name their organisation, so its event source must be the first one.");
  return { orgId: toLongId(orgId), eventSource };
}

/** What every organisation adds to the template: its bus. The connection to it is made by a command. */
export function orgResources(orgs: readonly Org[]): Record<string, unknown> {
  return Object.fromEntries(
    orgs.map(({ orgId, eventSource }) => [
      busOf(orgId),
      { Type: "AWS::Events::EventBus", Properties: { Name: eventSource, EventSourceName: eventSource } },
    ]),
  );
}

/** What a function needs that talks to Salesforce: which organisations there are, and the right to read their secrets. */
export function orgAccess(orgs: readonly Org[], service: string, stage: string) {
  const prefix = salesforcePrefix(service, stage);
  return {
    environment: { SALESFORCE_ORGS: orgs.map(({ orgId }) => orgId).join(","), SALESFORCE_SECRET_PREFIX: prefix },
    // One pattern: a hundred names would be more than a role's policies may hold.
    statements: [readSecrets(`${prefix}*`)],
  };
}

/** What a function needs that calls Stripe or Slack: the name of the secret, and the right to read it. */
export function connectionAccess(system: "stripe" | "slack", service: string, stage: string) {
  const name = secretName(service, stage, system);
  return {
    environment: { [`${system.toUpperCase()}_SECRET`]: name },
    // Secrets Manager ends every ARN with a hyphen and six characters.
    statements: [readSecrets(`${name}-??????`)],
  };
}

/** What a function needs that calls a target: the breaker and budget that all share, and the bus to tell of its recovery. */
export function targetAccess(fleetBus: { readonly Ref: string }) {
  return {
    environment: { FLEET_STATE_TABLE: { Ref: "FleetStateTable" }, EVENT_BUS_NAME: fleetBus },
    statements: [
      {
        Effect: "Allow",
        Action: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
        Resource: { "Fn::GetAtt": ["FleetStateTable", "Arn"] },
      },
      { Effect: "Allow", Action: "events:PutEvents", Resource: { "Fn::GetAtt": [fleetBus.Ref, "Arn"] } },
    ],
  };
}

/** Logical id of an organisation's bus. */
export function busOf(orgId: string): string {
  return `Salesforce${orgId}Bus`;
}

/** Whether a logical id is that of an organisation's bus. */
export function isPartnerBus(id: string): boolean {
  return /^Salesforce\w+Bus$/.test(id);
}

function readSecrets(name: string) {
  const arn = `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:${name}`;
  return { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: { "Fn::Sub": arn } };
}
