import { TemplateError } from "../kernel/errors.ts";
import type { PolicyDocument } from "../kernel/service.ts";
import { parseOperator } from "./conditions.ts";

const DOCUMENT_MEMBERS = new Set(["Version", "Id", "Statement"]);
const STATEMENT_MEMBERS = new Set([
  ...["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"],
  ...["Resource", "NotResource", "Condition"],
]);

/**
 * Checks a policy of a template, so that a typing error stops the boot instead of denying later.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 * @throws TemplateError naming the member
 */
export function readPolicy(
  source: unknown,
  logicalId: string,
  path: string,
  kind: "identity" | "resource" | "trust",
): PolicyDocument {
  const fail: Fail = (where, problem) => new TemplateError(logicalId, `${path}${where}`, problem);
  if (!isObject(source)) throw fail("", "must be a policy document");
  for (const member of Object.keys(source))
    if (!DOCUMENT_MEMBERS.has(member)) throw fail(`.${member}`, "is no member of a policy document");
  if (source.Version !== undefined && source.Version !== "2012-10-17" && source.Version !== "2008-10-17")
    throw fail(".Version", "must be 2012-10-17 or 2008-10-17");
  const statements = Array.isArray(source.Statement) ? source.Statement : [source.Statement];
  for (const [index, statement] of statements.entries())
    checkStatement(statement, kind, (where, problem) => fail(`.Statement[${index}]${where}`, problem));
  return source as unknown as PolicyDocument;
}

type Fail = (where: string, problem: string) => TemplateError;

function checkStatement(statement: unknown, kind: "identity" | "resource" | "trust", fail: Fail): void {
  if (!isObject(statement)) throw fail("", "must be a statement");
  for (const member of Object.keys(statement))
    if (!STATEMENT_MEMBERS.has(member)) throw fail(`.${member}`, "is no member of a statement");
  if (statement.Effect !== "Allow" && statement.Effect !== "Deny") throw fail(".Effect", "must be Allow or Deny");
  exactlyOne(statement, ["Action", "NotAction"], fail);
  if (kind !== "trust") exactlyOne(statement, ["Resource", "NotResource"], fail);
  if (kind !== "identity") exactlyOne(statement, ["Principal", "NotPrincipal"], fail);
  else if (statement.Principal !== undefined || statement.NotPrincipal !== undefined)
    throw fail(".Principal", "an identity-based policy names no principal");
  for (const member of ["Action", "NotAction", "Resource", "NotResource"])
    if (![statement[member] ?? []].flat().every((value) => typeof value === "string"))
      throw fail(`.${member}`, "must be a string or a list of strings");
  if (statement.Condition !== undefined) checkConditions(statement.Condition, fail);
}

function checkConditions(block: unknown, fail: Fail): void {
  if (!isObject(block)) throw fail(".Condition", "must be an object");
  for (const [operator, members] of Object.entries(block)) {
    if (!parseOperator(operator)) throw fail(`.Condition.${operator}`, "IAM has no such condition operator");
    if (!isObject(members)) throw fail(`.Condition.${operator}`, "must be an object of condition keys");
  }
}

function exactlyOne(statement: Record<string, unknown>, members: readonly string[], fail: Fail): void {
  const given = members.filter((member) => statement[member] !== undefined);
  if (given.length !== 1) throw fail("", `needs one of ${members.join(" and ")}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
