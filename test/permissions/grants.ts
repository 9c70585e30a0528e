import type { Json, Resources } from "../../scripts/serverless/resolve.ts";
import { type Action, grantedTo, idIn, orgsOf, shortName } from "../faults/hops.ts";

/** One action that one statement of the template grants, or refuses, on one resource. */
export interface Grant {
  /** `salesforce-capture → PutItem SalesforceStateTable`, as the hops of the fault matrix are called. */
  readonly id: string;
  /** Of a role; who may become it; of a resource's policy; or a refusal by such a policy. */
  readonly kind: "role" | "trust" | "policy" | "refusal";
  /** Who has it: function or machine of the role, or resource of the policy, without service and stage. */
  readonly holder: string;
  /** What holds it in the template, by logical id: a role, or the resource of a policy. */
  readonly owner: string;
  readonly action: Action;
  /** The resource, as a person calls it. */
  readonly on: string;
}

/** Every grant of a packaged template: of roles, of those who may become them, and of resources' policies. */
export function grantsOf(resources: Resources): Grant[] {
  const all = Object.entries(resources);
  const ofType = (type: RegExp) => all.filter(([, { Type = "" }]) => type.test(Type));
  const functions = ofType(/^AWS::Lambda::Function$/).map(([id, { Properties }]) => [id, Properties] as const);
  const names = namesIn(all);
  const nameOf = (id: string) => names.get(id) ?? id.replace(/^[\w-]+\/[\w-]+\//, "");
  const orgs = orgsOf(functions);
  const holders = new Map(
    all.flatMap(([id, { Properties }]): [string, string][] => {
      const role = Properties?.Role ?? Properties?.RoleArn;
      return role === undefined ? [] : [[idIn(role), nameOf(id)]];
    }),
  );
  const ofRoles = ofType(/^AWS::IAM::Role$/).flatMap(([owner, { Properties }]): Grant[] => {
    const holder = holders.get(owner) ?? owner;
    const actions = grantedTo(Properties, orgs).map((action): Grant => {
      const on = action.resource === "" ? aside(action) : nameOf(action.resource) + action.suffix;
      return { id: `${holder} → ${verbOf(action)} ${on}`, kind: "role", holder, owner, action, on };
    });
    return [...trustIn(Properties, owner, holder), ...actions, ...managedBy(Properties, owner, holder)];
  });
  const ofPolicies = ofType(/(Policy|Permission)$/).flatMap(([id, { Properties }]) =>
    ofResource(id, Properties, nameOf),
  );
  return [...ofRoles, ...ofPolicies];
}

/** `PutItem` of `dynamodb:PutItem` */
export const verbOf = ({ name }: Pick<Action, "name">) => name.replace(/^\w+:/, "");

function namesIn(all: readonly [string, Resources[string]][]): Map<string, string> {
  return new Map(
    all.flatMap(([id, { Properties }]) => {
      const name = Properties?.FunctionName ?? Properties?.StateMachineName ?? Properties?.QueueName;
      return typeof name === "string" ? [[id, shortName(name)] as const] : [];
    }),
  );
}

/** The log group of a function is called as the function is. */
const aside = ({ name }: Action) => (name.startsWith("logs:") ? "its log group" : "?");

function trustIn({ AssumeRolePolicyDocument }: Json, owner: string, holder: string): Grant[] {
  return [AssumeRolePolicyDocument.Statement].flat().flatMap(({ Principal }: Json) =>
    [Principal.Service ?? Principal].flat().map((service): Grant => {
      const action = { name: "sts:AssumeRole", resource: owner, suffix: "" };
      return { id: `${service} → AssumeRole ${holder}`, kind: "trust", holder, owner, action, on: String(service) };
    }),
  );
}

/** A managed policy is a grant that nobody sees here: it has no proof. */
function managedBy({ ManagedPolicyArns = [] }: Json, owner: string, holder: string): Grant[] {
  return ManagedPolicyArns.map((arn: unknown): Grant => {
    const action = { name: JSON.stringify(arn), resource: "", suffix: "" };
    return { id: `${holder} → ${action.name}`, kind: "role", holder, owner, action, on: "*" };
  });
}

function ofResource(id: string, properties: Json, nameOf: (id: string) => string): Grant[] {
  const { PolicyDocument = { Statement: [properties] } } = properties;
  return [PolicyDocument.Statement].flat().flatMap(({ Effect = "Allow", Action: names, Resource, Principal }: Json) =>
    [names].flat().flatMap((name: string) => {
      const places = [Resource].flat().map(ownerIn);
      return [...new Set(places)].map((owner): Grant => {
        const action = { name, resource: owner, suffix: "" };
        const holder = nameOf(owner || id);
        const who = String(Principal?.Service ?? Principal);
        if (Effect !== "Allow")
          return { id: `${holder} refuses ${name}`, kind: "refusal", holder, owner, action, on: who };
        return { id: `${who} → ${verbOf(action)} ${holder}`, kind: "policy", holder, owner, action, on: who };
      });
    }),
  );
}

/** The logical id of a policy's resource, however it is written. */
function ownerIn(place: Json): string {
  const text = JSON.stringify(place?.["Fn::Sub"] ?? place?.["Fn::Join"] ?? "");
  return idIn(place) || (/\$\{(\w+)\.Arn\}/.exec(text)?.[1] ?? /"Ref":"(?!AWS::)(\w+)"/.exec(text)?.[1] ?? "");
}
