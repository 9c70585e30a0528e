import { ACCOUNT } from "../kernel/names.ts";
import type { Access, PolicyDocument, PolicyStatement, Principal } from "../kernel/service.ts";
import { conditionsHold, type RequestKeys } from "./conditions.ts";
import { matches, parsePattern, type Variable, wildcard } from "./wildcard.ts";

/** One question put to a set of policies. */
export interface Question {
  readonly principal: Principal;
  readonly action: string;
  readonly resource: string;
  readonly keys: RequestKeys;
}

/** Builds the question behind a call, with the condition keys that IAM adds to every request. */
export function questionOf(principal: Principal, access: Access, now: number): Question {
  const keys = new Map<string, readonly string[]>();
  const set = (name: string, value: string | readonly string[] | undefined) => {
    if (value !== undefined) keys.set(name.toLowerCase(), typeof value === "string" ? [value] : value);
  };
  for (const [name, value] of Object.entries(globalKeys(principal, now))) set(name, value);
  for (const [name, value] of Object.entries(access.conditions ?? {})) set(name, value);
  return { principal, action: access.action, resource: access.resource, keys };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
function globalKeys(principal: Principal, now: number): Record<string, string | undefined> {
  const service = principal.kind === "service" ? principal : undefined;
  const session = principal.kind === "role" ? principal : undefined;
  return {
    "aws:CurrentTime": new Date(now).toISOString(),
    "aws:EpochTime": String(Math.floor(now / 1000)),
    "aws:PrincipalArn": service ? undefined : (session?.roleArn ?? principal.arn),
    "aws:PrincipalAccount": service ? undefined : ACCOUNT,
    "aws:PrincipalType": session ? "AssumedRole" : service ? undefined : "Account",
    "aws:PrincipalIsAWSService": String(Boolean(service)),
    "aws:PrincipalServiceName": service?.service,
    "aws:SourceArn": service?.sourceArn,
    "aws:SourceAccount": service ? ACCOUNT : undefined,
    "aws:SourceIp": service ? undefined : "127.0.0.1",
    "aws:RequestedRegion": "us-east-1",
    "aws:ResourceAccount": ACCOUNT,
    // The loopback port plays the TLS endpoint of AWS.
    "aws:SecureTransport": "true",
    "aws:ViaAWSService": "false",
  };
}

/** Whether any statement with this effect covers the question; a resource policy's statement must name the caller. */
export function covers(
  policy: PolicyDocument,
  effect: PolicyStatement["Effect"],
  question: Question,
  kind: "identity" | "resource",
): boolean {
  // Only the 2012 version of the language has policy variables.
  const variable: Variable | undefined =
    policy.Version === "2012-10-17" ? (name) => question.keys.get(name.toLowerCase())?.[0] : undefined;
  return [policy.Statement]
    .flat()
    .some(
      (statement) =>
        statement.Effect === effect &&
        (kind === "identity" || namesPrincipal(statement, question.principal)) &&
        coversAction(statement, question.action) &&
        coversResource(statement, question.resource, variable) &&
        conditionsHold(statement.Condition, question.keys, variable),
    );
}

function coversAction({ Action, NotAction }: PolicyStatement, action: string): boolean {
  const listed = (patterns: string | readonly string[]) =>
    [patterns].flat().some((pattern) => wildcard(pattern.toLowerCase(), action.toLowerCase()));
  if (Action !== undefined) return listed(Action);
  return NotAction !== undefined && !listed(NotAction);
}

/** A trust policy has no Resource: it speaks of the role that carries it. */
function coversResource(
  { Resource, NotResource }: PolicyStatement,
  resource: string,
  variable: Variable | undefined,
): boolean {
  const listed = (sources: string | readonly string[]) =>
    [sources].flat().some((source) => {
      const pattern = parsePattern(source, variable);
      return pattern !== undefined && matches(pattern, resource);
    });
  if (Resource !== undefined) return listed(Resource);
  return NotResource === undefined || !listed(NotResource);
}

function namesPrincipal(statement: PolicyStatement, principal: Principal): boolean {
  if (statement.NotPrincipal !== undefined) return !listsPrincipal(statement.NotPrincipal, principal, "Deny");
  return statement.Principal !== undefined && listsPrincipal(statement.Principal, principal, statement.Effect);
}

/**
 * Naming the account (`arn:aws:iam::<account>:root`) hands the decision to the account's identity policies, so it
 * allows nobody by itself, while it denies everybody in it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
function listsPrincipal(named: unknown, principal: Principal, effect: PolicyStatement["Effect"]): boolean {
  if (named === "*") return true;
  if (typeof named !== "object" || named === null) return false;
  const { AWS, Service } = named as { AWS?: string | string[]; Service?: string | string[] };
  if (principal.kind === "service") return [Service ?? []].flat().includes(principal.service);
  const root = `arn:aws:iam::${ACCOUNT}:root`;
  return [AWS ?? []].flat().some((name) => {
    if (name === "*" || name === principal.arn) return true;
    if (name === root || name === ACCOUNT) return principal.kind === "administrator" || effect === "Deny";
    return principal.kind === "role" && name === principal.roleArn;
  });
}
