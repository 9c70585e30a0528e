import { AwsError } from "../kernel/errors.ts";
import type { Identities, Session } from "../kernel/identities.ts";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import { ACCOUNT, hex } from "../kernel/names.ts";
import type { Access, PolicyDocument, Principal } from "../kernel/service.ts";
import { AWS_MANAGED } from "./managed.ts";
import { covers, type Question, questionOf } from "./policy.ts";

/** A role and everything that decides what its sessions may do. */
export interface Role {
  readonly arn: string;
  readonly name: string;
  readonly trust: PolicyDocument;
  /** Inline policies by name. */
  readonly inline: Map<string, PolicyDocument>;
  /** ARNs of attached managed policies. */
  readonly attached: Set<string>;
  /** ARN of the managed policy that bounds the role. */
  readonly boundary?: string;
}

/** The twin's identities, with the roles and managed policies open to whoever provisions them. */
export interface TwinIdentities extends Identities {
  /** Roles by ARN. */
  readonly roles: Map<string, Role>;
  /** Managed policies by ARN, those of AWS included. */
  readonly managed: Map<string, PolicyDocument>;
}

/** Keys of the twin's own sessions: an unknown one is a session of an earlier run, never the administrator. */
const SESSION_KEY = "ASIATWIN";

/** Identities whose roles come from the template; everybody who signs with a key of their own is the administrator. */
export function createIdentities(now: () => number = Date.now): TwinIdentities {
  const roles = new Map<string, Role>();
  const managed = new Map(AWS_MANAGED);
  const sessions = new Map<string, Principal>();

  const policiesOf = (role: Role): PolicyDocument[] => [
    ...role.inline.values(),
    ...[...role.attached].flatMap((arn) => managed.get(arn) ?? []),
  ];

  return {
    roles,
    managed,
    assume(roleArn, service, sessionName, sourceArn) {
      const role = roles.get(roleArn);
      if (!role || !trusts(role, service, sourceArn, now())) throw cannotAssume(service, roleArn);
      const name = sessionName.replace(/[^\w+=,.@-]/g, "-").slice(0, 64);
      const principal: Principal = {
        kind: "role",
        arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role.name}/${name}`,
        roleArn,
      };
      return lazySession(principal, sessions);
    },
    identify(accessKeyId) {
      const principal = accessKeyId === undefined ? undefined : sessions.get(accessKeyId);
      if (principal) return principal;
      if (!accessKeyId?.startsWith(SESSION_KEY)) return ADMINISTRATOR;
      throw new AwsError("UnrecognizedClientException", "The security token included in the request is invalid.", {
        queryCode: "InvalidClientTokenId",
      });
    },
    authorize(principal, access) {
      if (principal.kind === "administrator") return;
      const role = principal.kind === "role" ? roles.get(principal.roleArn) : undefined;
      const boundary = role?.boundary ? [managed.get(role.boundary) ?? { Statement: [] }] : [];
      const question = questionOf(principal, access, now());
      const refusal = decide(question, role ? policiesOf(role) : [], access.resourcePolicy, boundary);
      if (refusal) throw denied(principal, access, refusal);
    },
  };
}

/**
 * Why a question is refused, or `undefined` when it is allowed: an explicit denial wins; otherwise one allowing
 * statement of either kind is enough, an identity-based one only inside the permissions boundary.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
function decide(
  question: Question,
  identity: readonly PolicyDocument[],
  resource: PolicyDocument | undefined,
  boundaries: readonly PolicyDocument[],
): string | undefined {
  const any = (policies: readonly PolicyDocument[], effect: "Allow" | "Deny") =>
    policies.some((policy) => covers(policy, effect, question, "identity"));
  if (any(identity, "Deny")) return "with an explicit deny in an identity-based policy";
  if (any(boundaries, "Deny")) return "with an explicit deny in a permissions boundary";
  if (resource && covers(resource, "Deny", question, "resource"))
    return "with an explicit deny in a resource-based policy";
  if (resource && covers(resource, "Allow", question, "resource")) return undefined;
  const kind = question.principal.kind === "service" ? "resource-based policy" : "identity-based policy";
  if (!any(identity, "Allow")) return `because no ${kind} allows the ${spelled(question.action)} action`;
  if (boundaries.length > 0 && !any(boundaries, "Allow"))
    return `because no permissions boundary allows the ${spelled(question.action)} action`;
  return undefined;
}

function trusts(role: Role, service: string, sourceArn: string | undefined, now: number): boolean {
  const principal: Principal = { kind: "service", arn: service, service, sourceArn: sourceArn ?? "" };
  const question = questionOf(principal, { action: "sts:AssumeRole", resource: role.arn }, now);
  return covers(role.trust, "Allow", question, "resource") && !covers(role.trust, "Deny", question, "resource");
}

/** A session whose keys are made when first read: most sessions, such as those of executions, never sign a request. */
function lazySession(principal: Principal, sessions: Map<string, Principal>): Session {
  let keys: { id: string; secret: string; token: string } | undefined;
  const issue = () => {
    if (!keys) {
      keys = { id: `${SESSION_KEY}${hex(12).toUpperCase()}`, secret: hex(40), token: hex(64) };
      sessions.set(keys.id, principal);
    }
    return keys;
  };
  return {
    principal,
    get accessKeyId() {
      return issue().id;
    },
    get secretAccessKey() {
      return issue().secret;
    },
    get sessionToken() {
      return issue().token;
    },
  };
}

function cannotAssume(service: string, roleArn: string): AwsError {
  const message = `User: ${service} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
  return new AwsError("AccessDenied", message, { status: 403 });
}

function denied(principal: Principal, { action, resource }: Access, reason: string): AwsError {
  const message = `User: ${principal.arn} is not authorized to perform: ${spelled(action)} on resource: ${resource} ${reason}`;
  return new AwsError("AccessDeniedException", message, { queryCode: "AccessDenied" });
}

/** SQS writes its actions in lower case. */
function spelled(action: string): string {
  return action.startsWith("sqs:") ? action.toLowerCase() : action;
}
