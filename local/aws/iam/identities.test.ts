// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like this
import { describe, expect, test } from "@jest/globals";
import { AwsError } from "../kernel/errors.ts";
import type { Access, PolicyDocument, PolicyStatement, Principal } from "../kernel/service.ts";
import { createIdentities } from "./identities.ts";

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
const ROLE = "arn:aws:iam::123456789012:role/worker";
const QUEUE = "arn:aws:sqs:us-east-1:123456789012:jobs";
const RULE = "arn:aws:events:us-east-1:123456789012:rule/bus/changes";
const NOON = Date.parse("2026-11-20T12:00:00Z");

const policy = (...Statement: PolicyStatement[]): PolicyDocument => ({ Version: "2012-10-17", Statement });
const allow = (Action: string | string[], Resource: string | string[] = "*", more: Partial<PolicyStatement> = {}) =>
  ({ Effect: "Allow", Action, Resource, ...more }) satisfies PolicyStatement;
const deny = (Action: string, Resource = "*", more: Partial<PolicyStatement> = {}) =>
  ({ Effect: "Deny", Action, Resource, ...more }) satisfies PolicyStatement;

function world(...statements: PolicyStatement[]) {
  const identities = createIdentities(() => NOON);
  identities.roles.set(ROLE, {
    arn: ROLE,
    name: "worker",
    trust: policy({ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }),
    inline: new Map(statements.length > 0 ? [["inline", policy(...statements)]] : []),
    attached: new Set(),
  });
  const session = identities.assume(ROLE, "lambda.amazonaws.com", "fn");
  const ask = (access: Access, principal: Principal = session.principal) => {
    try {
      identities.authorize(principal, access);
      return "allowed";
    } catch (cause) {
      return cause instanceof AwsError ? cause.message : String(cause);
    }
  };
  return { identities, session, ask };
}

const send: Access = { action: "sqs:SendMessage", resource: QUEUE };
const by = (conditions: Record<string, string | string[]>, action = "events:PutEvents"): Access => ({
  action,
  resource: "*",
  conditions,
});

describe("identity-based policies", () => {
  test("nothing allows: the denial names user, action, resource and reason, SQS in lower case", () => {
    expect(world().ask(send)).toBe(
      `User: arn:aws:sts::123456789012:assumed-role/worker/fn is not authorized to perform: sqs:sendmessage on resource: ${QUEUE} because no identity-based policy allows the sqs:sendmessage action`,
    );
  });

  test("actions are matched whatever their case, with wildcards; resources with their case", () => {
    expect(world(allow("SQS:send*", QUEUE)).ask(send)).toBe("allowed");
    expect(world(allow("sqs:Send?essage", QUEUE.replace("jobs", "j*"))).ask(send)).toBe("allowed");
    expect(world(allow("sqs:SendMessage", QUEUE.replace("jobs", "JOBS"))).ask(send)).toContain(
      "no identity-based policy",
    );
  });

  test("an explicit denial wins over every allowance", () => {
    expect(world(allow("*"), deny("sqs:SendMessage", QUEUE)).ask(send)).toMatch(
      /with an explicit deny in an identity-based policy$/,
    );
  });

  test("NotAction and NotResource cover the rest", () => {
    const notAction = world({ Effect: "Allow", NotAction: "sqs:Send*", Resource: "*" });
    expect(notAction.ask(send)).toContain("not authorized");
    expect(notAction.ask({ ...send, action: "sqs:ReceiveMessage" })).toBe("allowed");
    const notResource = world({ Effect: "Allow", Action: "sqs:*", NotResource: QUEUE });
    expect(notResource.ask(send)).toContain("not authorized");
    expect(notResource.ask({ ...send, resource: `${QUEUE}-2` })).toBe("allowed");
  });

  test("a change of a role counts from the next call on", () => {
    const { identities, ask } = world(allow("sqs:*"));
    expect(ask(send)).toBe("allowed");
    identities.roles.get(ROLE)?.inline.clear();
    expect(ask(send)).toContain("no identity-based policy");
  });

  test("a permissions boundary limits what the role's own policies allow", () => {
    const { identities, ask } = world(allow("*"));
    const boundary = "arn:aws:iam::123456789012:policy/boundary";
    const role = identities.roles.get(ROLE);
    if (role) identities.roles.set(ROLE, { ...role, boundary });
    identities.managed.set(boundary, policy(allow("dynamodb:*")));
    expect(ask(send)).toMatch(/because no permissions boundary allows the sqs:sendmessage action$/);
    expect(ask({ action: "dynamodb:GetItem", resource: "*" })).toBe("allowed");
  });

  test("policy variables are filled only in the 2012 language", () => {
    const resource = "arn:aws:s3:::${aws:PrincipalAccount}";
    const asked: Access = { action: "s3:GetObject", resource: "arn:aws:s3:::123456789012" };
    expect(world(allow("s3:*", resource)).ask(asked)).toBe("allowed");
    const old = world();
    old.identities.roles.get(ROLE)?.inline.set("old", { Version: "2008-10-17", Statement: allow("s3:*", resource) });
    expect(old.ask(asked)).toContain("not authorized");
  });
});

describe("resource-based policies", () => {
  const rule: Principal = {
    kind: "service",
    arn: "events.amazonaws.com",
    service: "events.amazonaws.com",
    sourceArn: RULE,
  };
  const queuePolicy = (more: Partial<PolicyStatement> = {}) =>
    policy({
      ...allow("sqs:SendMessage", QUEUE),
      Principal: { Service: "events.amazonaws.com" },
      Condition: { ArnEquals: { "aws:SourceArn": RULE } },
      ...more,
    });

  test("let a rule deliver that they name, and no other", () => {
    const { ask } = world();
    expect(ask({ ...send, resourcePolicy: queuePolicy() }, rule)).toBe("allowed");
    expect(ask({ ...send, resourcePolicy: queuePolicy() }, { ...rule, sourceArn: `${RULE}-2` })).toMatch(
      /because no resource-based policy allows the sqs:sendmessage action$/,
    );
    expect(ask(send, rule)).toContain("not authorized");
  });

  test("naming the role suffices without an identity-based policy; naming the account does not", () => {
    const { ask } = world();
    const named = (AWS: string) => policy({ ...allow("sqs:*", QUEUE), Principal: { AWS } });
    expect(ask({ ...send, resourcePolicy: named(ROLE) })).toBe("allowed");
    expect(ask({ ...send, resourcePolicy: named("arn:aws:iam::123456789012:root") })).toContain("not authorized");
    expect(ask({ ...send, resourcePolicy: named("arn:aws:iam::123456789012:role/other") })).toContain("not authorized");
  });

  test("an explicit denial in one wins over an identity-based allowance", () => {
    const { ask } = world(allow("sqs:*"));
    const resourcePolicy = policy({ ...deny("sqs:*", QUEUE), Principal: "*" });
    expect(ask({ ...send, resourcePolicy })).toMatch(/with an explicit deny in a resource-based policy$/);
    const others = policy({ Effect: "Deny", NotPrincipal: { AWS: ROLE }, Action: "sqs:*", Resource: QUEUE });
    expect(ask({ ...send, resourcePolicy: others })).toBe("allowed");
  });
});

describe("conditions", () => {
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
  const cases: [string, PolicyStatement["Condition"], Record<string, string | string[]>, boolean][] = [
    ["StringEquals", { StringEquals: { "events:source": ["a", "b"] } }, { "events:source": "b" }, true],
    ["StringEquals minds case", { StringEquals: { "events:source": "A" } }, { "events:source": "a" }, false],
    ["StringEqualsIgnoreCase", { StringEqualsIgnoreCase: { k: "A" } }, { k: "a" }, true],
    ["key names ignore case", { StringEquals: { "Events:Source": "a" } }, { "events:source": "a" }, true],
    ["StringLike", { StringLike: { k: "fleet.*" } }, { k: "fleet.billing" }, true],
    ["StringNotEquals", { StringNotEquals: { k: ["a", "b"] } }, { k: "b" }, false],
    ["StringNotLike", { StringNotLike: { k: "a*" } }, { k: "b" }, true],
    ["a missing key fails", { StringEquals: { k: "a" } }, {}, false],
    ["a missing key passes a negated operator", { StringNotEquals: { k: "a" } }, {}, true],
    ["a missing key passes IfExists", { StringEqualsIfExists: { k: "a" } }, {}, true],
    ["IfExists still compares", { StringEqualsIfExists: { k: "a" } }, { k: "b" }, false],
    ["Null true", { Null: { k: "true" } }, {}, true],
    ["Null false", { Null: { k: "false" } }, {}, false],
    ["NumericLessThan", { NumericLessThan: { k: "10" } }, { k: "9" }, true],
    ["NumericGreaterThanEquals", { NumericGreaterThanEquals: { k: "10" } }, { k: "9" }, false],
    ["Bool", { Bool: { "aws:SecureTransport": "true" } }, {}, true],
    ["DateLessThan", { DateLessThan: { "aws:CurrentTime": "2026-11-20T12:00:01Z" } }, {}, true],
    ["DateGreaterThan of epoch time", { DateGreaterThan: { "aws:EpochTime": "2026-11-20T12:00:01Z" } }, {}, false],
    ["IpAddress", { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } }, {}, true],
    ["NotIpAddress", { NotIpAddress: { "aws:SourceIp": ["10.0.0.0/8", "127.0.0.1"] } }, {}, false],
    ["ArnLike", { ArnLike: { k: "arn:aws:sqs:*:*:jobs*" } }, { k: QUEUE }, true],
    ["a wildcard of ArnLike stays in its part", { ArnLike: { k: "arn:aws:*:jobs" } }, { k: QUEUE }, false],
    ["ArnEquals on the caller's role", { ArnEquals: { "aws:PrincipalArn": ROLE } }, {}, true],
    ["ForAllValues", { "ForAllValues:StringEquals": { k: ["a", "b"] } }, { k: ["a", "b"] }, true],
    ["ForAllValues with a stranger", { "ForAllValues:StringEquals": { k: ["a"] } }, { k: ["a", "c"] }, false],
    ["ForAllValues of nothing", { "ForAllValues:StringEquals": { k: ["a"] } }, {}, true],
    ["ForAnyValue", { "ForAnyValue:StringLike": { k: "a*" } }, { k: ["x", "ab"] }, true],
    ["ForAnyValue of nothing", { "ForAnyValue:StringLike": { k: "*" } }, {}, false],
    ["all keys must hold", { StringEquals: { k: "a", l: "b" } }, { k: "a", l: "x" }, false],
    ["all operators must hold", { StringEquals: { k: "a" }, Bool: { l: "true" } }, { k: "a", l: "false" }, false],
    ["a variable in a value", { StringEquals: { k: "${aws:PrincipalAccount}" } }, { k: "123456789012" }, true],
  ];
  test.each(cases)("%s", (_, Condition, given, holds) => {
    const answer = world(allow("events:PutEvents", "*", { ...(Condition ? { Condition } : {}) })).ask(by(given));
    expect(answer === "allowed").toBe(holds);
  });
});

describe("sessions", () => {
  test("a session's key identifies the role; a key of nobody is the administrator", () => {
    const { identities, session } = world();
    expect(identities.identify(session.accessKeyId)).toEqual(session.principal);
    expect(identities.identify("AKIAIOSFODNN7EXAMPLE")).toMatchObject({ kind: "administrator" });
    expect(session.accessKeyId).toBe(session.accessKeyId);
  });

  test("the administrator may do everything", () => {
    const { identities, ask } = world();
    expect(ask(send, identities.identify("AKIA"))).toBe("allowed");
  });

  test("a service that the trust policy does not name cannot assume the role, nor anybody a role that is not there", () => {
    const { identities } = world();
    const message = `User: states.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`;
    expect(() => identities.assume(ROLE, "states.amazonaws.com", "run")).toThrow(message);
    expect(() => identities.assume(`${ROLE}-2`, "lambda.amazonaws.com", "fn")).toThrow(
      "not authorized to perform: sts:AssumeRole",
    );
  });

  test("a trust policy can ask for the resource that the service acts for", () => {
    const { identities } = world();
    const role = identities.roles.get(ROLE);
    const Condition = { StringEquals: { "aws:SourceAccount": "123456789012" }, ArnLike: { "aws:SourceArn": RULE } };
    const Principal = { Service: ["events.amazonaws.com", "scheduler.amazonaws.com"] };
    if (role)
      identities.roles.set(ROLE, {
        ...role,
        trust: policy({ Effect: "Allow", Principal, Action: "sts:AssumeRole", Condition }),
      });
    expect(identities.assume(ROLE, "events.amazonaws.com", "s", RULE).principal).toMatchObject({ roleArn: ROLE });
    expect(() => identities.assume(ROLE, "events.amazonaws.com", "s")).toThrow("sts:AssumeRole");
  });
});
