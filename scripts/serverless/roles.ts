/** Name of a role that CloudFormation is to name. */
export const UNNAMED = "unnamed";

const MAKES_LOG_GROUPS = "logs:CreateLogGroup";

interface Resource {
  readonly Type?: string;
  readonly Properties?: {
    RoleName?: unknown;
    readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: Statement[] } }[];
  };
}

interface Statement {
  Action?: string | readonly string[];
}

/**
 * Takes from the compiled roles what the framework gives each of them. CloudFormation names the roles: a name with service,
 * stage, region and function is longer than AWS takes in many of its regions. The template makes the log groups: one that a
 * function made after its stack was removed would stand in the way of the next deploy, and keep its lines for ever.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
 */
export function trimRoles(resources: Readonly<Record<string, unknown>>): void {
  for (const { Type, Properties } of Object.values(resources as Readonly<Record<string, Resource>>)) {
    if (Type !== "AWS::IAM::Role" || !Properties) continue;
    if (Properties.RoleName === UNNAMED) delete Properties.RoleName;
    for (const { PolicyDocument } of Properties.Policies ?? [])
      for (const statement of PolicyDocument.Statement)
        if (Array.isArray(statement.Action))
          statement.Action = statement.Action.filter((action) => action !== MAKES_LOG_GROUPS);
  }
}
