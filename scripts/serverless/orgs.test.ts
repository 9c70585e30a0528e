import { describe, expect, test } from "@jest/globals";
import { connectionAccess, orgAccess, orgResources, PLACEHOLDER, parseOrgs } from "./orgs.ts";

const ORG = "00D5f000005KcCnEAK";
const RELAY = `aws.partner/salesforce.com/${ORG}/0YL5f0000000001GAA`;
const OTHER = "00D000000000002EAA";
const OTHER_RELAY = `aws.partner/salesforce.com/${OTHER}/0YL5f0000000002GAA`;
const APPFLOW = "aws.partner/appflow/salesforce.com/123456789012/accounts";

describe("the parameter", () => {
  test.each([
    ["one relay", RELAY, [{ orgId: ORG, eventSource: RELAY }]],
    [
      "an organisation of 15 characters",
      RELAY.replace("EAK", ""),
      [{ orgId: ORG, eventSource: RELAY.replace("EAK", "") }],
    ],
    [
      "two relays",
      `${RELAY}, ${OTHER_RELAY}`,
      [
        { orgId: ORG, eventSource: RELAY },
        { orgId: OTHER, eventSource: OTHER_RELAY },
      ],
    ],
    ["AppFlow with its organisation", `${ORG}=${APPFLOW}`, [{ orgId: ORG, eventSource: APPFLOW }]],
    ["the placeholder", PLACEHOLDER, [{ orgId: "EXAMPLE", eventSource: PLACEHOLDER }]],
  ])("names %s", (_what, parameter, expected) => {
    expect(parseOrgs(parameter)).toEqual(expected);
  });

  test.each([
    ["nothing", "", "has ''"],
    ["AppFlow without its organisation", APPFLOW, "<organisation>="],
    ["AppFlow behind another", `${RELAY},${OTHER}=${APPFLOW}`, "must be the first"],
    ["one organisation twice", `${RELAY},${RELAY}`, "twice"],
    ["an id whose checksum is wrong", RELAY.replace("EAK", "EAA"), "checksum"],
  ])("with %s is refused", (_what, parameter, text) => {
    expect(() => parseOrgs(parameter)).toThrow(text);
  });
});

const readable = (name: string) => ({
  Effect: "Allow",
  Action: "secretsmanager:GetSecretValue",
  Resource: { "Fn::Sub": `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:${name}` },
});

test("every organisation has a bus, and functions may read the secrets of organisations alone", () => {
  const orgs = parseOrgs(`${RELAY},${OTHER_RELAY}`);
  const bus = (source: string) => ({
    Type: "AWS::Events::EventBus",
    Properties: { Name: source, EventSourceName: source },
  });
  expect(orgResources(orgs)).toEqual({
    [`Salesforce${ORG}Bus`]: bus(RELAY),
    [`Salesforce${OTHER}Bus`]: bus(OTHER_RELAY),
  });
  expect(orgAccess(orgs, "fleet", "test")).toEqual({
    environment: { SALESFORCE_ORGS: `${ORG},${OTHER}`, SALESFORCE_SECRET_PREFIX: "fleet/test/salesforce/" },
    statements: [readable("fleet/test/salesforce/*")],
  });
});

test("a function may read the one secret of its system", () => {
  expect(connectionAccess("stripe", "fleet", "test")).toEqual({
    environment: { STRIPE_SECRET: "fleet/test/stripe" },
    statements: [readable("fleet/test/stripe-??????")],
  });
});
