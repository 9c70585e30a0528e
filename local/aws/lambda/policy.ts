import type { Access, CallContext, PolicyStatement } from "../kernel/service.ts";
import { LATEST, parseFunctionName, type Registry } from "./registry.ts";
import type { FunctionRecord } from "./types.ts";

const SELF = "lambda.amazonaws.com";

/** Lambda needs nobody's permission to run its own queue of events or an event source mapping. */
const SELF_STATEMENT: PolicyStatement = {
  Effect: "Allow",
  Principal: { Service: SELF },
  Action: "lambda:InvokeFunction",
  Resource: "*",
};

/** `lambda:InvokeFunction` on the ARN as called, decided by the caller's policies or the function's own. */
export function invokeAccess(
  registry: Registry,
  input: { readonly FunctionName: unknown; readonly Qualifier?: string },
  context: CallContext,
): readonly Access[] {
  const { name, qualifier, arn } = parseFunctionName(input.FunctionName, input.Qualifier);
  const own = statementsOf(registry.get(name), qualifier);
  const self = context.principal.kind === "service" && context.principal.service === SELF ? [SELF_STATEMENT] : [];
  const Statement = [...own, ...self];
  const policy = Statement.length > 0 ? { resourcePolicy: { Version: "2012-10-17", Statement } } : {};
  return [{ action: "lambda:InvokeFunction", resource: arn, ...policy }];
}

/** The resource policy of a function or of one of its qualifiers; no statements, no policy. */
export function statementsOf(record: FunctionRecord | undefined, qualifier: string | undefined): PolicyStatement[] {
  const key = qualifier === LATEST ? "" : (qualifier ?? "");
  return [...(record?.permissions.get(key)?.values() ?? [])];
}

export interface Permission {
  readonly id: string;
  readonly action: string;
  readonly principal: string;
  /** Function ARN, qualified if the permission is. */
  readonly resource: string;
  readonly sourceArn?: string;
  readonly sourceAccount?: string;
  readonly organisation?: string;
}

/** The statement that AddPermission writes. https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
export function permissionStatement(permission: Permission): PolicyStatement {
  const { id, action, resource, sourceArn, sourceAccount, organisation } = permission;
  const equals = {
    ...(sourceAccount ? { "AWS:SourceAccount": sourceAccount } : {}),
    ...(organisation ? { "aws:PrincipalOrgID": organisation } : {}),
  };
  const Condition = {
    ...(sourceArn ? { ArnLike: { "AWS:SourceArn": sourceArn } } : {}),
    ...(Object.keys(equals).length > 0 ? { StringEquals: equals } : {}),
  };
  return {
    Sid: id,
    Effect: "Allow",
    Principal: principalMember(permission.principal),
    Action: action,
    Resource: resource,
    ...(Object.keys(Condition).length > 0 ? { Condition } : {}),
  };
}

function principalMember(principal: string): unknown {
  if (principal === "*") return "*";
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  return principal.startsWith("arn:") ? { AWS: principal } : { Service: principal };
}
