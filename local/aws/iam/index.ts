import { createHash } from "node:crypto";
import { TemplateError } from "../kernel/errors.ts";
import { ACCOUNT, physicalName } from "../kernel/names.ts";
import type { PolicyDocument, ResourceProvider, Service, TemplateResource } from "../kernel/service.ts";
import { readPolicy } from "./document.ts";
import type { Role, TwinIdentities } from "./identities.ts";

export { createIdentities, type Role, type TwinIdentities } from "./identities.ts";

/** IAM: the roles and policies of the template. It has no calls of its own; a stack's roles change by deploying. */
export function createIam(identities: TwinIdentities): Service {
  return {
    name: "iam",
    wire: { kind: "query", xmlns: "https://iam.amazonaws.com/doc/2010-05-08/" },
    operations: {},
    resources: [roleProvider(identities), policyProvider(identities), managedPolicyProvider(identities)],
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html */
function roleProvider({ roles, managed }: TwinIdentities): ResourceProvider {
  return {
    type: "AWS::IAM::Role",
    properties: [
      ...["RoleName", "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "PermissionsBoundary"],
      ...["Path", "Description", "MaxSessionDuration", "Tags"],
    ],
    create(resource) {
      const { properties, logicalId, before } = resource;
      const { name, arn } = roleNames(resource);
      const others = before ? attachedByOthers(roles.get(arn), before) : { inline: [], attached: [] };
      const attached = new Set<string>([...others.attached, ...(properties.ManagedPolicyArns ?? [])]);
      for (const policy of attached) checkManaged(managed, policy, logicalId, "ManagedPolicyArns");
      if (properties.PermissionsBoundary)
        checkManaged(managed, properties.PermissionsBoundary, logicalId, "PermissionsBoundary");
      const role: Role = {
        arn,
        name,
        trust: readPolicy(
          properties.AssumeRolePolicyDocument,
          logicalId,
          "Properties.AssumeRolePolicyDocument",
          "trust",
        ),
        inline: new Map([...others.inline, ...inlinePolicies(resource)]),
        attached,
        ...(properties.PermissionsBoundary ? { boundary: properties.PermissionsBoundary } : {}),
      };
      roles.set(arn, role);
      return { ref: name, attributes: { Arn: arn, RoleId: `AROA${digest(arn).slice(0, 17)}` } };
    },
    taken: (resource) => roles.get(roleNames(resource).arn)?.name,
    delete: ({ attributes }) => void roles.delete(String(attributes.Arn)),
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html */
function policyProvider({ roles }: TwinIdentities): ResourceProvider {
  return {
    type: "AWS::IAM::Policy",
    properties: ["PolicyName", "PolicyDocument", "Roles"],
    create(resource) {
      const { properties, logicalId, before } = resource;
      const document = readPolicy(properties.PolicyDocument, logicalId, "Properties.PolicyDocument", "identity");
      if (!properties.Roles?.length) throw new TemplateError(logicalId, "Properties.Roles", "must name a role");
      if (before) detach(roles, before);
      for (const name of properties.Roles) findRole(roles, name, logicalId).inline.set(properties.PolicyName, document);
      return { ref: properties.PolicyName, attributes: { Id: physicalName(resource, 128) } };
    },
    delete: ({ properties }) => detach(roles, properties),
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html */
function managedPolicyProvider({ roles, managed }: TwinIdentities): ResourceProvider {
  return {
    type: "AWS::IAM::ManagedPolicy",
    properties: ["ManagedPolicyName", "PolicyDocument", "Roles", "Path", "Description"],
    create(resource) {
      const { properties, logicalId } = resource;
      const name = properties.ManagedPolicyName ?? physicalName(resource, 128);
      const arn = `arn:aws:iam::${ACCOUNT}:policy${properties.Path ?? "/"}${name}`;
      managed.set(arn, readPolicy(properties.PolicyDocument, logicalId, "Properties.PolicyDocument", "identity"));
      for (const role of properties.Roles ?? []) findRole(roles, role, logicalId).attached.add(arn);
      return { ref: arn, attributes: { PolicyArn: arn } };
    },
    delete({ ref }) {
      managed.delete(ref);
      for (const role of roles.values()) role.attached.delete(ref);
    },
  };
}

function detach(roles: ReadonlyMap<string, Role>, { PolicyName, Roles }: TemplateResource["properties"]): void {
  for (const role of roles.values()) if (Roles.includes(role.name)) role.inline.delete(PolicyName);
}

function roleNames(resource: TemplateResource): { name: string; arn: string } {
  const name = resource.properties.RoleName ?? physicalName(resource, 64);
  return { name, arn: `arn:aws:iam::${ACCOUNT}:role${resource.properties.Path ?? "/"}${name}` };
}

/** The policies of a role that resources of their own gave it; an update of the role leaves them. */
function attachedByOthers(role: Role | undefined, before: TemplateResource["properties"]) {
  const own = new Set((before.Policies ?? []).map(({ PolicyName }: { PolicyName: string }) => PolicyName));
  return {
    inline: [...(role?.inline ?? [])].filter(([name]) => !own.has(name)),
    attached: [...(role?.attached ?? [])].filter((policy) => !(before.ManagedPolicyArns ?? []).includes(policy)),
  };
}

function inlinePolicies({ properties, logicalId }: TemplateResource): Map<string, PolicyDocument> {
  const policies = (properties.Policies ?? []) as { PolicyName: string; PolicyDocument: unknown }[];
  return new Map(
    policies.map(({ PolicyName, PolicyDocument }, index) => [
      PolicyName,
      readPolicy(PolicyDocument, logicalId, `Properties.Policies[${index}].PolicyDocument`, "identity"),
    ]),
  );
}

function findRole(roles: ReadonlyMap<string, Role>, name: string, logicalId: string): Role {
  const role = [...roles.values()].find((candidate) => candidate.name === name);
  if (role) return role;
  throw new TemplateError(logicalId, "Properties.Roles", `there is no role '${name}'`);
}

function checkManaged(managed: ReadonlyMap<string, unknown>, arn: string, logicalId: string, property: string): void {
  if (!managed.has(arn))
    throw new TemplateError(logicalId, `Properties.${property}`, `the twin does not know the managed policy ${arn}`);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").toUpperCase();
}
